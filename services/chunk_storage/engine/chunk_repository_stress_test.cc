#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/repository_harness.h"

// Many callers at once, on real threads. What the thread sanitizer is for.
namespace cairn::chunk_storage {
namespace {

constexpr int kWorkers = 6;

std::unique_ptr<ThreadPoolExecutor> Threads(int count) {
  auto pool = ThreadPoolExecutor::Create({.threads = count});
  EXPECT_OK(pool);
  return *std::move(pool);
}

Record Chunk(uint64_t number) {
  std::string plain = absl::StrCat("chunk ", number, " ");
  plain.resize(20 + number * 997 % 4000, static_cast<char>('a' + number % 26));
  return RawChunk(plain);
}

// Runs `work` on kWorkers threads and waits for all.
template <typename Work>
void OnThreads(Executor& workers, Work work) {
  absl::BlockingCounter left(kWorkers);
  for (int worker = 0; worker < kWorkers; ++worker) {
    ASSERT_OK(workers.Schedule([&left, &work, worker] {
      work(worker);
      left.DecrementCount();
    }));
  }
  left.Wait();
}

class ChunkRepositoryStressTest : public ::testing::Test {
 protected:
  ChunkRepositoryStressTest()
      : workers_(Threads(kWorkers)),
        engine_(Threads(3)),
        harness_(SmallPacks(), TestSeed(), engine_.get()) {
    EXPECT_OK(harness_.Start());
  }

  // Reads `records` through one stream and compares them.
  void ReadAll(const std::vector<Record>& records) {
    std::vector<RecordKey> keys;
    for (const Record& record : records) keys.push_back(record.key);
    const auto stream =
        harness_.repository().Get(harness_.call(), harness_.datastore(), keys);
    ASSERT_OK(stream);
    for (const Record& record : records) {
      const auto read = (*stream)->Next();
      ASSERT_OK(read);
      ASSERT_TRUE(read->has_value());
      ASSERT_EQ((*read)->payload, record.payload);
    }
  }

  const std::unique_ptr<ThreadPoolExecutor> workers_;
  const std::unique_ptr<ThreadPoolExecutor> engine_;
  RepositoryHarness harness_;
};

TEST_F(ChunkRepositoryStressTest, EveryKeyIsStoredOnceWhoeverComesFirst) {
  constexpr int kChunks = 300;
  std::atomic<uint64_t> new_records = 0;
  std::atomic<uint64_t> duplicates = 0;
  OnThreads(*workers_, [&](int worker) {
    const SessionRef session =
        harness_.Session(static_cast<uint8_t>(worker + 1));
    for (uint64_t i = 0; i < kChunks; i += 4) {
      std::vector<Record> records;
      for (uint64_t j = i; j < i + 4; ++j) records.push_back(Chunk(j));
      const auto reply =
          harness_.repository().Put(harness_.call(), session, records);
      ASSERT_OK(reply);
      new_records += reply->new_records;
      duplicates += reply->duplicate_records;
      ReadAll(records);
    }
  });
  EXPECT_EQ(new_records, uint64_t{kChunks});
  EXPECT_EQ(duplicates, uint64_t{kChunks} * (kWorkers - 1));
  EXPECT_EQ(harness_.Statistics().record_count, uint64_t{kChunks});
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.Statistics().record_count, uint64_t{kChunks});
  for (uint64_t i = 0; i < kChunks; ++i) {
    ASSERT_TRUE(harness_.IsPresent(Chunk(i).key));
  }
}

TEST_F(ChunkRepositoryStressTest, MixedCallsNeverSeeAWrongRecord) {
  const uint64_t seed = TestSeed();
  OnThreads(*workers_, [&](int worker) {
    std::mt19937_64 random(seed + static_cast<uint64_t>(worker));
    const SessionRef session =
        harness_.Session(static_cast<uint8_t>(worker + 1));
    for (int step = 0; step < 300; ++step) {
      const Record chunk = Chunk(random() % 200);
      switch (random() % 6) {
        case 0:
        case 1:
          ASSERT_OK(harness_.repository().Put(harness_.call(), session,
                                              std::vector<Record>{chunk}));
          break;
        case 2: {
          const auto reply = harness_.repository().Pin(
              harness_.call(), session, std::span(&chunk.key, 1));
          ASSERT_OK(reply);
          if (reply->present[0]) ReadAll({chunk, chunk});
          break;
        }
        case 3:
          ASSERT_OK(harness_.repository().Sync(
              harness_.call(), session, harness_.repository().incarnation()));
          break;
        case 4: {
          const uint64_t sequence = static_cast<uint64_t>(worker) * 1000 +
                                    static_cast<uint64_t>(step) + 1;
          const Record event = RawRecord(
              RecordKind::kEvent, absl::StrCat("event ", sequence), sequence);
          const auto highest = harness_.repository().Append(
              harness_.call(), harness_.datastore(),
              std::vector<Record>{event});
          ASSERT_OK(highest);
          ASSERT_GE(*highest, sequence);
          break;
        }
        default:
          ASSERT_OK(harness_.repository().Statistics(harness_.call(),
                                                     harness_.datastore()));
      }
    }
  });
  EXPECT_TRUE(harness_.fatal_errors().errors().empty());
  ASSERT_OK(harness_.Stop());
}

TEST_F(ChunkRepositoryStressTest, SyncsOfManySessionsAreShared) {
  OnThreads(*workers_, [&](int worker) {
    const SessionRef session =
        harness_.Session(static_cast<uint8_t>(worker + 1));
    for (uint64_t i = 0; i < 40; ++i) {
      ASSERT_OK(harness_.repository().Put(
          harness_.call(), session,
          std::vector<Record>{
              Chunk(1000 + i * kWorkers + static_cast<uint64_t>(worker))}));
      ASSERT_OK(harness_.repository().Sync(
          harness_.call(), session, harness_.repository().incarnation()));
    }
  });
  harness_.PowerCut();
  ASSERT_OK(harness_.Start());
  for (uint64_t i = 0; i < 40 * kWorkers; ++i) {
    ASSERT_TRUE(harness_.IsPresent(Chunk(1000 + i).key));
  }
}

TEST_F(ChunkRepositoryStressTest, AFailedSyncEndsEveryCallerAtOnce) {
  std::atomic<int> refused = 0;
  harness_.files().FailCall(FileOperation::kSync, 20,
                            absl::InternalError("EIO"));
  OnThreads(*workers_, [&](int worker) {
    const SessionRef session =
        harness_.Session(static_cast<uint8_t>(worker + 1));
    for (uint64_t i = 0; i < 5000; ++i) {
      const auto put = harness_.repository().Put(
          harness_.call(), session,
          std::vector<Record>{
              Chunk(5000 + i * kWorkers + static_cast<uint64_t>(worker))});
      const absl::Status synced = harness_.repository().Sync(
          harness_.call(), session, harness_.repository().incarnation());
      if (put.ok() && synced.ok()) continue;
      ASSERT_THAT(synced, StatusIs(absl::StatusCode::kUnavailable));
      ++refused;
      return;
    }
  });
  EXPECT_EQ(refused, kWorkers);
  EXPECT_EQ(harness_.fatal_errors().errors().size(), 1u);
}

}  // namespace
}  // namespace cairn::chunk_storage
