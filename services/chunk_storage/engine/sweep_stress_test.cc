#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/engine/sweep_harness.h"

// Sessions that pin, put, read and publish, on real threads, beside sweeps that
// compact. A model of leases and of what is published says what must survive.
namespace cairn::chunk_storage {
namespace {

constexpr int kWriters = 4;
constexpr uint64_t kChunks = 150;

std::unique_ptr<ThreadPoolExecutor> Threads(int count) {
  auto pool = ThreadPoolExecutor::Create({.threads = count});
  EXPECT_OK(pool);
  return *std::move(pool);
}

Record Chunk(uint64_t number) {
  std::string plain = absl::StrCat("chunk ", number, " ");
  plain.resize(20 + number * 997 % 3000, static_cast<char>('a' + number % 26));
  return RawChunk(plain);
}

// Epochs, leases and what is published: index and maintenance in a few lines.
class Catalog {
 public:
  // A new session's epoch.
  uint64_t Open() {
    absl::MutexLock lock(&mutex_);
    live_.insert(epoch_);
    return epoch_;
  }
  // The session ends, and what it refers to is published before its lease goes.
  void Close(uint64_t epoch, const std::set<uint64_t>& chunks) {
    absl::MutexLock lock(&mutex_);
    published_.insert(chunks.begin(), chunks.end());
    live_.erase(live_.find(epoch));
  }
  // The first step of a sweep: gives its cut.
  uint64_t Advance() {
    absl::MutexLock lock(&mutex_);
    ++epoch_;
    return live_.empty() ? epoch_ : std::min(epoch_, *live_.begin());
  }
  // The second: some are forgotten, the rest is the view.
  std::set<RecordKey> View(std::mt19937_64& random) {
    absl::MutexLock lock(&mutex_);
    std::erase_if(published_, [&](uint64_t) { return random() % 8 == 0; });
    std::set<RecordKey> keys;
    for (const uint64_t chunk : published_) keys.insert(Chunk(chunk).key);
    return keys;
  }
  bool IsPublished(uint64_t chunk) {
    absl::MutexLock lock(&mutex_);
    return published_.contains(chunk);
  }
  std::set<uint64_t> published() {
    absl::MutexLock lock(&mutex_);
    return published_;
  }

 private:
  absl::Mutex mutex_;
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 5;
  std::multiset<uint64_t> live_ ABSL_GUARDED_BY(mutex_);
  std::set<uint64_t> published_ ABSL_GUARDED_BY(mutex_);
};

class SweepStressTest : public ::testing::Test {
 protected:
  SweepStressTest()
      : seed_(TestSeed()),
        workers_(Threads(kWriters + 1)),
        engine_(Threads(3)),
        store_(SmallPacks(), seed_, engine_.get()) {
    EXPECT_OK(store_.Start());
    sweep_ = std::make_unique<SweepHarness>(&store_);
    EXPECT_OK(sweep_->TellFloor());
  }

  absl::Status ReadChunk(uint64_t number) {
    const Record chunk = Chunk(number);
    const auto read = store_.Read(chunk.key);
    if (read.ok() && *read != chunk.payload) {
      return absl::InternalError("wrong bytes");
    }
    return read.status();
  }

  // One session of some steps.
  void RunSession(std::mt19937_64& random, uint8_t id) {
    const uint64_t epoch = catalog_.Open();
    const SessionRef session = store_.Session(id, epoch);
    std::set<uint64_t> mine;
    for (uint64_t steps = random() % 30; steps > 0; --steps) {
      const uint64_t number = random() % kChunks;
      const Record chunk = Chunk(number);
      switch (random() % 5) {
        case 0: {
          const auto reply = store_.repository().Pin(store_.call(), session,
                                                     std::span(&chunk.key, 1));
          ASSERT_OK(reply);
          if (reply->present[0]) mine.insert(number);
          break;
        }
        case 1:
          ASSERT_OK(store_.repository().Put(store_.call(), session,
                                            std::vector<Record>{chunk}));
          mine.insert(number);
          break;
        case 2:
          ASSERT_OK(store_.repository().Sync(
              store_.call(), session, store_.repository().incarnation()));
          break;
        case 3: {
          if (mine.empty()) break;
          auto it = mine.begin();
          std::advance(it, static_cast<long>(random() % mine.size()));
          ASSERT_OK(ReadChunk(*it)) << "promised to a live session: " << *it;
          break;
        }
        default: {
          if (!catalog_.IsPublished(number)) break;
          const absl::Status read = ReadChunk(number);
          // It may have been forgotten, and swept, meanwhile.
          ASSERT_TRUE(read.ok() || !catalog_.IsPublished(number)) << read;
        }
      }
    }
    for (const uint64_t number : mine) {
      ASSERT_OK(ReadChunk(number)) << "promised, before it ends: " << number;
    }
    catalog_.Close(epoch, random() % 3 == 0 ? mine : std::set<uint64_t>());
  }

  void RunSweep(std::mt19937_64& random) {
    const uint64_t cut = catalog_.Advance();
    ASSERT_OK(sweep_->Begin(cut));
    const std::set<RecordKey> marked = catalog_.View(random);
    const auto summary = sweep_->Mark(marked);
    ASSERT_OK(summary);
    ASSERT_EQ(summary->missing_records, 0u);
    for (uint64_t calls = 1 + random() % 3; calls > 0; --calls) {
      const auto swept =
          sweep_->Sweep(/*compact=*/random() % 4 != 0,
                        random() % 2 == 0 ? 0 : random() % 50'000);
      ASSERT_OK(swept);
      ASSERT_TRUE(swept->damaged_packs.empty());
      dropped_ += swept->dropped.records;
      copied_ += swept->copied.records;
    }
    if (random() % 2 == 0) return;  // the next one ends it
    ASSERT_OK(sweep_->End());
  }

  const uint64_t seed_;
  const std::unique_ptr<ThreadPoolExecutor> workers_;
  const std::unique_ptr<ThreadPoolExecutor> engine_;
  RepositoryHarness store_;
  std::unique_ptr<SweepHarness> sweep_;
  Catalog catalog_;
  std::atomic<uint64_t> dropped_ = 0;
  std::atomic<uint64_t> copied_ = 0;
};

TEST_F(SweepStressTest, NothingIsLostThatALiveSessionOrAListHolds) {
  std::atomic<int> writers = kWriters;
  absl::BlockingCounter left(kWriters + 1);
  for (int worker = 0; worker < kWriters; ++worker) {
    ASSERT_OK(workers_->Schedule([&, worker] {
      std::mt19937_64 random(seed_ + static_cast<uint64_t>(worker));
      for (int session = 0;
           !HasFailure() &&
           (session < 200 || (copied_ == 0 && session < 20'000));
           ++session) {
        RunSession(random, static_cast<uint8_t>(worker + 1));
      }
      --writers;
      left.DecrementCount();
    }));
  }
  ASSERT_OK(workers_->Schedule([&] {
    std::mt19937_64 random(seed_ + 100);
    while (writers > 0 && !HasFailure()) RunSweep(random);
    left.DecrementCount();
  }));
  left.Wait();
  ASSERT_FALSE(HasFailure());
  EXPECT_GT(dropped_, 0u);
  EXPECT_GT(copied_, 0u);
  EXPECT_TRUE(store_.fatal_errors().errors().empty());
  // A last quiet one leaves what is published, also after a power cut.
  std::set<RecordKey> published;
  for (const uint64_t chunk : catalog_.published()) {
    published.insert(Chunk(chunk).key);
  }
  ASSERT_OK(sweep_->Run(1'000'000, published));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(store_.Statistics().record_count, published.size());
    for (uint64_t i = 0; i < kChunks; ++i) {
      const absl::Status read = ReadChunk(i);
      ASSERT_EQ(read.ok(), published.contains(Chunk(i).key)) << read;
    }
    store_.PowerCut();
    ASSERT_OK(store_.Start());
  }
}

}  // namespace
}  // namespace cairn::chunk_storage
