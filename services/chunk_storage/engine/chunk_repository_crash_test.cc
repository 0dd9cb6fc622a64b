#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/repository_harness.h"

// Power is cut after every operation of the disk and of the rows. Whatever
// was promised before must hold after it, and nothing wrong may be read.
namespace cairn::chunk_storage {
namespace {

// Runs operations on a store, and remembers what it promised.
class Promises {
 public:
  Promises(RepositoryOptions options, uint64_t seed)
      : harness_(options, seed) {}

  RepositoryHarness& harness() { return harness_; }

  // Each returns false once the store answers no more: power is off.
  bool Start() { return harness_.Start().ok(); }
  bool Put(uint8_t session, const std::vector<Record>& records) {
    const auto reply = harness_.repository().Put(
        harness_.call(), harness_.Session(session), records);
    for (const Record& record : records) known_[record.key] = record.payload;
    if (!reply.ok()) return false;
    for (const Record& record : records) told_.insert(record.key);
    return true;
  }
  bool Pin(const RecordKey& key) {
    const auto reply = harness_.repository().Pin(
        harness_.call(), harness_.Session(1), std::span(&key, 1));
    if (!reply.ok()) return false;
    if (reply->present.at(0)) told_.insert(key);
    return true;
  }
  bool Sync() {
    if (!harness_.Sync().ok()) return false;
    durable_.insert(told_.begin(), told_.end());
    return true;
  }
  bool Append(const Record& record) {
    known_[record.key] = record.payload;
    const auto sequence = harness_.repository().Append(
        harness_.call(), harness_.datastore(), std::vector<Record>{record});
    if (!sequence.ok()) return false;
    durable_.insert(record.key);
    sequence_ = std::max(sequence_, *sequence);
    return true;
  }
  bool ShowToken(uint64_t token) {
    if (!harness_.repository()
             .ShowToken(harness_.call(), harness_.datastore(),
                        {.token = token, .epoch = 1, .sequence = ~uint64_t{0}})
             .ok()) {
      return false;
    }
    token_ = token;
    return true;
  }
  bool RunTasks() {
    harness_.test_executor().Run();
    return harness_.repository().Health().ok();
  }
  // The process ends, and with it what it told; the disk stays.
  bool Restart(bool kill) {
    if (kill) {
      harness_.Kill();
    } else if (!harness_.Stop().ok()) {
      return false;
    }
    told_.clear();
    return Start();
  }

  // Loses power, starts again, and checks every promise.
  void CutPowerAndCheck() {
    harness_.PowerCut();
    told_.clear();
    ASSERT_OK(harness_.Start());
    Check();
    if (::testing::Test::HasFailure()) return;
    // The same once more: recovery was no luck.
    harness_.PowerCut();
    ASSERT_OK(harness_.Start());
    Check();
  }

 private:
  void Check() {
    for (const auto& [key, payload] : known_) {
      const bool present = harness_.IsPresent(key);
      ASSERT_TRUE(present || !durable_.contains(key))
          << key.ToString() << " was promised and is gone";
      if (!present) continue;
      // No damage was done here, so all that is present must be right.
      ASSERT_THAT(harness_.Read(key), IsOkAndHolds(payload));
    }
    const StoreStatistics statistics = harness_.Statistics();
    ASSERT_GE(statistics.sequence, sequence_);
    ASSERT_GE(statistics.token, token_);
  }

  RepositoryHarness harness_;
  std::map<RecordKey, std::string> known_;
  std::set<RecordKey> told_;     // in this life of the process
  std::set<RecordKey> durable_;  // promised for good
  uint64_t sequence_ = 0;
  uint64_t token_ = 0;
};

Record Chunk(int number, size_t size) {
  std::string plain = absl::StrCat("chunk ", number, " ");
  plain.resize(std::max(size, plain.size()),
               static_cast<char>('a' + number % 26));
  return RawChunk(plain);
}
Record Event(int number) {
  return RawRecord(RecordKind::kEvent, absl::StrCat("event ", number), number);
}

// A short life that meets every kind of change: two packs side by side, a
// rotation, an append, a token, a kill with records that were never synced,
// and a promise made from the page cache after it.
bool ShortLife(Promises& store) {
  return store.Start() && store.Put(1, {Chunk(1, 700), Chunk(2, 3000)}) &&
         store.Sync() && store.Put(2, {Chunk(3, 5000)}) &&
         store.Put(1, {Chunk(4, 6000), Chunk(1, 700)}) && store.Sync() &&
         store.Append(Event(7)) && store.Put(1, {Chunk(5, 9000)}) &&
         store.RunTasks() && store.ShowToken(3) &&
         store.Pin(Chunk(3, 5000).key) && store.Put(1, {Chunk(6, 9000)}) &&
         store.RunTasks() && store.Put(2, {Chunk(7, 10)}) &&
         store.Restart(/*kill=*/true) && store.Pin(Chunk(7, 10).key) &&
         store.Sync() && store.Put(1, {Chunk(8, 2000)}) && store.Sync() &&
         store.Append(Event(9)) && store.Restart(/*kill=*/false) &&
         store.Pin(Chunk(8, 2000).key) && store.Put(1, {Chunk(9, 4000)}) &&
         store.Sync();
}

RepositoryOptions TinyPacks() {
  RepositoryOptions options = SmallPacks();
  options.pack_bytes = 16 << 10;
  return options;
}

TEST(ChunkRepositoryCrashTest, APowerCutAfterEveryChangeOfTheDisk) {
  const uint64_t seed = TestSeed();
  uint64_t changes = 0;
  {
    Promises store(TinyPacks(), seed);
    ASSERT_TRUE(ShortLife(store));
    changes = store.harness().files().mutations();
    store.CutPowerAndCheck();
  }
  ASSERT_GT(changes, 40u);
  for (uint64_t cut = 0; cut <= changes; ++cut) {
    for (uint64_t round = 0; round < 6; ++round) {
      SCOPED_TRACE(absl::StrCat("cut after ", cut, " changes, round ", round));
      Promises store(TinyPacks(), seed + round);
      store.harness().CrashAfterChanges(cut);
      ShortLife(store);
      store.CutPowerAndCheck();
      if (HasFailure()) return;
    }
  }
}

TEST(ChunkRepositoryCrashTest, APowerCutAfterEveryCommitOfRows) {
  const uint64_t seed = TestSeed();
  uint64_t commits = 0;
  {
    Promises store(TinyPacks(), seed);
    ASSERT_TRUE(ShortLife(store));
    commits = store.harness().kv().commit_count();
  }
  ASSERT_GT(commits, 5u);
  for (uint64_t cut = 1; cut <= commits + 1; ++cut) {
    for (uint64_t round = 0; round < 6; ++round) {
      SCOPED_TRACE(absl::StrCat("cut at commit ", cut, ", round ", round));
      Promises store(TinyPacks(), seed + round);
      store.harness().CrashAtCommit(cut);
      ShortLife(store);
      store.CutPowerAndCheck();
      if (HasFailure()) return;
    }
  }
}

// A pack whose name and bytes were only in the page cache when its process was
// killed: what is promised of it by the next process must not be lost.
TEST(ChunkRepositoryCrashTest, APackThatOnlyThePageCacheKnew) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 20; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Promises store(TinyPacks(), seed + round);
    ASSERT_TRUE(store.Start() && store.Put(1, {Chunk(1, 700)}) &&
                store.Restart(/*kill=*/true) && store.Pin(Chunk(1, 700).key) &&
                store.Sync());
    store.CutPowerAndCheck();
    if (HasFailure()) return;
  }
}

// One random operation.
bool Step(Promises& store, std::mt19937_64& random, int& next_event) {
  const auto chunk = [&random]() {
    const int number = static_cast<int>(random() % 60);
    // Its size belongs to its number, so that the key does too.
    return Chunk(number, static_cast<size_t>(number * 7919 % 7000));
  };
  switch (random() % 12) {
    case 0:
    case 1:
    case 2:
    case 3: {
      std::vector<Record> records;
      for (uint64_t i = random() % 4 + 1; i > 0; --i) {
        records.push_back(chunk());
      }
      return store.Put(static_cast<uint8_t>(1 + random() % 3), records);
    }
    case 4:
    case 5:
      return store.Pin(chunk().key);
    case 6:
    case 7:
      return store.Sync();
    case 8:
      return store.Append(Event(++next_event));
    case 9:
      return store.RunTasks();
    case 10:
      return store.ShowToken(static_cast<uint64_t>(++next_event));
    default:
      return random() % 4 != 0 || store.Restart(random() % 2 == 0);
  }
}

TEST(ChunkRepositoryCrashTest, RandomLivesWithRandomPowerCuts) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 300; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::mt19937_64 random(seed + round);
    Promises store(TinyPacks(), seed + round);
    int next_event = 0;
    for (int life = 0; life < 4; ++life) {
      if (life == 0) {
        ASSERT_TRUE(store.Start());
      }
      store.harness().CrashAfterChanges(random() % 120);
      while (Step(store, random, next_event)) {
      }
      store.CutPowerAndCheck();
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace cairn::chunk_storage
