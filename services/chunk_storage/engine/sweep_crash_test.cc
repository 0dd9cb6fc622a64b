#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/engine/sweep_harness.h"

// Power is cut after every operation of the disk and of the rows of a sweep,
// and each operation fails. What was marked or touched must be there after it,
// and one more sweep must leave exactly the live bytes.
namespace cairn::chunk_storage {
namespace {

constexpr uint64_t kEpoch = 5;
constexpr uint64_t kCut = 6;

Record Chunk(int number) {
  std::string plain = absl::StrCat("chunk ", number, " ");
  plain.resize(static_cast<size_t>(300 + number * 7919 % 2500),
               static_cast<char>('a' + number % 26));
  return RawChunk(plain);
}
std::vector<Record> Chunks(int first, int end) {
  std::vector<Record> records;
  for (int i = first; i < end; ++i) records.push_back(Chunk(i));
  return records;
}
Record Catalog(RecordKind kind, uint64_t sequence) {
  return RawRecord(kind, absl::StrCat("catalog ", sequence), sequence);
}

RepositoryOptions TinyPacks() {
  RepositoryOptions options = SmallPacks();
  options.pack_bytes = 16 << 10;
  return options;
}

// A store that is swept, and what of it must stay. Each step returns false
// once the store answers no more.
class SweptStore {
 public:
  explicit SweptStore(uint64_t seed) : harness_(TinyPacks(), seed) {}

  RepositoryHarness& harness() { return harness_; }

  bool Start(uint64_t floor) {
    const uint64_t token = sweep_ == nullptr ? 100 : sweep_->token();
    if (!harness_.Start().ok()) return false;
    sweep_ = std::make_unique<SweepHarness>(&harness_);
    // Every token that may have been shown is below.
    sweep_->set_token(token + 10);
    return sweep_->TellFloor(floor).ok();
  }
  bool Put(uint8_t session, uint64_t epoch,
           const std::vector<Record>& records) {
    for (const Record& record : records) known_[record.key] = record.payload;
    return harness_.repository()
        .Put(harness_.call(), harness_.Session(session, epoch), records)
        .ok();
  }
  bool Pin(uint64_t epoch, const std::vector<RecordKey>& keys) {
    const auto pinned = harness_.repository().Pin(
        harness_.call(), harness_.Session(7, epoch), keys);
    return pinned.ok();
  }
  // From now on these may not be lost.
  bool SyncAndKeep(const std::set<RecordKey>& keys) {
    if (!harness_.Sync().ok()) return false;
    must_.insert(keys.begin(), keys.end());
    return true;
  }
  bool Append(const Record& record, bool keep) {
    known_[record.key] = record.payload;
    if (!harness_.repository()
             .Append(harness_.call(), harness_.datastore(),
                     std::vector<Record>{record})
             .ok()) {
      return false;
    }
    if (keep) must_.insert(record.key);
    return true;
  }
  bool RunTasks() {
    harness_.test_executor().Run();
    return harness_.repository().Health().ok();
  }
  bool Sweep(uint64_t cut, const std::set<RecordKey>& marked) {
    if (!sweep_->Begin(cut).ok() || !sweep_->Mark(marked).ok()) return false;
    for (int calls = 0; calls < 100; ++calls) {
      const auto swept = sweep_->Sweep(/*compact=*/true, /*max_copy=*/20'000);
      if (!swept.ok()) return false;
      if (swept->remaining.empty()) return sweep_->End().ok();
    }
    ADD_FAILURE() << "a sweep without an end";
    return false;
  }
  bool Kill(uint64_t floor) {
    harness_.Kill();
    return Start(floor);
  }
  const std::set<RecordKey>& must() const { return must_; }

  void Check() {
    for (const auto& [key, payload] : known_) {
      const bool stored =
          harness_.repository()
              .TouchOf(harness_.call(), harness_.datastore(), key)
              .ok();
      ASSERT_TRUE(stored || !must_.contains(key))
          << key.ToString() << " may not be lost and is gone";
      if (!stored) continue;
      // An append that was cut off may have come through; no event is dropped.
      if (key.kind == RecordKind::kEvent) must_.insert(key);
      ASSERT_THAT(harness_.Read(key), IsOkAndHolds(payload));
    }
  }
  // One sweep that nothing disturbs leaves what must stay, and no byte more.
  void CheckOneMoreSweepIsExact() {
    ASSERT_TRUE(Sweep(1000, must_));
    CheckExact();
    if (::testing::Test::HasFailure()) return;
    harness_.PowerCut();
    ASSERT_TRUE(Start(1000));
    CheckExact();
  }
  void CutPowerAndCheck() {
    harness_.PowerCut();
    ASSERT_TRUE(Start(kCut));
    Check();
    if (::testing::Test::HasFailure()) return;
    CheckOneMoreSweepIsExact();
  }

 private:
  void CheckExact() {
    Check();
    const StoreStatistics statistics = harness_.Statistics();
    ASSERT_EQ(statistics.record_count, must_.size());
    ASSERT_EQ(statistics.damaged_count, 0u);
    uint64_t file_bytes = 0;
    for (const std::string& path : harness_.PackPaths()) {
      file_bytes += *(*harness_.disk().OpenForRead(path))->Size();
    }
    ASSERT_EQ(file_bytes, statistics.pack_bytes);
    uint64_t payload = 0;
    for (const RecordKey& key : must_) payload += known_.at(key).size();
    ASSERT_EQ(statistics.record_bytes, payload);
    // Sums of the packs, by another way, and no pack with room for more.
    ASSERT_OK(sweep_->Begin(1000));
    ASSERT_OK(sweep_->Mark(must_));
    uint64_t records = 0;
    for (const PackInfo& pack : sweep_->Packs()) {
      ASSERT_LE(pack.file_bytes, TightFileBytes(pack.records));
      records += pack.records.records;
    }
    ASSERT_EQ(records, must_.size());
    ASSERT_OK(sweep_->End());
  }

  RepositoryHarness harness_;
  std::unique_ptr<SweepHarness> sweep_;
  std::map<RecordKey, std::string> known_;
  std::set<RecordKey> must_;
};

std::set<RecordKey> KeysOf(const std::vector<Record>& records) {
  std::set<RecordKey> keys;
  for (const Record& record : records) keys.insert(record.key);
  return keys;
}

// Records that are marked in every sweep.
std::set<RecordKey> Marked() {
  std::set<RecordKey> keys;
  for (int i = 0; i < 24; i += 2) keys.insert(Chunk(i).key);
  return keys;
}
std::vector<RecordKey> Pinned() { return {Chunk(1).key, Chunk(7).key}; }

bool Prepare(SweptStore& store) {
  return store.Start(1) && store.Put(1, kEpoch, Chunks(0, 24)) &&
         store.SyncAndKeep(Marked()) &&
         store.Append(Catalog(RecordKind::kEvent, 1), true) &&
         store.Append(Catalog(RecordKind::kManifest, 2), false) &&
         store.RunTasks() && store.Pin(kCut, Pinned()) &&
         store.SyncAndKeep({Chunk(1).key, Chunk(7).key});
}
// Drops, removes, compacts; goes on storing; sweeps again; is killed; and
// sweeps what the first process left.
bool Sweeps(SweptStore& store) {
  return store.Sweep(kCut, Marked()) && store.Put(2, kCut, Chunks(30, 36)) &&
         store.SyncAndKeep(KeysOf(Chunks(30, 36))) &&
         store.Append(Catalog(RecordKind::kEvent, 3), true) &&
         store.Sweep(kCut, Marked()) && store.Kill(kCut) &&
         store.Sweep(kCut + 1, store.must()) &&
         store.Put(3, kCut + 2, Chunks(40, 43)) &&
         store.SyncAndKeep(KeysOf(Chunks(40, 43)));
}

TEST(SweepCrashTest, APowerCutAfterEveryChangeOfTheDisk) {
  const uint64_t seed = TestSeed();
  uint64_t changes = 0;
  {
    SweptStore store(seed);
    ASSERT_TRUE(Prepare(store));
    const uint64_t before = store.harness().files().mutations();
    ASSERT_TRUE(Sweeps(store));
    changes = store.harness().files().mutations() - before;
    store.CutPowerAndCheck();
  }
  ASSERT_GT(changes, 60u);
  for (uint64_t cut = 0; cut <= changes; ++cut) {
    for (uint64_t round = 0; round < 4; ++round) {
      SCOPED_TRACE(absl::StrCat("cut after ", cut, " changes, round ", round));
      SweptStore store(seed + round);
      ASSERT_TRUE(Prepare(store));
      store.harness().CrashAfterChanges(cut);
      Sweeps(store);
      store.CutPowerAndCheck();
      if (HasFailure()) return;
    }
  }
}

TEST(SweepCrashTest, APowerCutAfterEveryCommitOfRows) {
  const uint64_t seed = TestSeed();
  uint64_t commits = 0;
  {
    SweptStore store(seed);
    ASSERT_TRUE(Prepare(store));
    const uint64_t before = store.harness().kv().commit_count();
    ASSERT_TRUE(Sweeps(store));
    commits = store.harness().kv().commit_count() - before;
  }
  ASSERT_GT(commits, 40u);
  for (uint64_t cut = 1; cut <= commits + 1; ++cut) {
    for (uint64_t round = 0; round < 4; ++round) {
      SCOPED_TRACE(absl::StrCat("cut at commit ", cut, ", round ", round));
      SweptStore store(seed + round);
      ASSERT_TRUE(Prepare(store));
      store.harness().CrashAtCommit(cut);
      Sweeps(store);
      store.CutPowerAndCheck();
      if (HasFailure()) return;
    }
  }
}

// A kill leaves what was written, synced or not.
TEST(SweepCrashTest, AKillAfterEveryChangeOfTheDisk) {
  const uint64_t seed = TestSeed();
  uint64_t changes = 0;
  {
    SweptStore store(seed);
    ASSERT_TRUE(Prepare(store));
    const uint64_t before = store.harness().files().mutations();
    ASSERT_TRUE(store.Sweep(kCut, Marked()));
    changes = store.harness().files().mutations() - before;
  }
  for (uint64_t cut = 0; cut <= changes; ++cut) {
    SCOPED_TRACE(absl::StrCat("killed after ", cut, " changes"));
    SweptStore store(seed);
    ASSERT_TRUE(Prepare(store));
    store.harness().files().FailAllAfter(cut, absl::UnavailableError("kill"));
    store.Sweep(kCut, Marked());
    ASSERT_TRUE(store.Kill(kCut));
    store.Check();
    store.CheckOneMoreSweepIsExact();
    if (HasFailure()) return;
  }
}

// One operation fails, and the disk goes on.
void FailEach(FileOperation operation, const absl::Status& error) {
  const uint64_t seed = TestSeed();
  uint64_t calls = 0;
  {
    SweptStore store(seed);
    ASSERT_TRUE(Prepare(store));
    const uint64_t before = store.harness().files().calls(operation);
    ASSERT_TRUE(store.Sweep(kCut, Marked()));
    calls = store.harness().files().calls(operation) - before;
  }
  ASSERT_GT(calls, 0u);
  for (uint64_t nth = 1; nth <= calls; ++nth) {
    SCOPED_TRACE(absl::StrCat("operation ", static_cast<int>(operation), " ",
                              nth, " fails with ", error.ToString()));
    SweptStore store(seed);
    ASSERT_TRUE(Prepare(store));
    store.harness().files().FailCall(operation, nth, error);
    store.Sweep(kCut, Marked());
    store.harness().files().Recover();
    if (!store.harness().repository().Health().ok()) {
      store.CutPowerAndCheck();
    } else {
      store.Check();
      if (::testing::Test::HasFailure()) return;
      // What could not be removed is removed later.
      ASSERT_TRUE(store.Sweep(kCut, Marked()));
      store.Check();
      store.CutPowerAndCheck();
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(SweepFaultTest, EveryWriteMeetsAFullDisk) {
  FailEach(FileOperation::kWrite, absl::ResourceExhaustedError("ENOSPC"));
}
TEST(SweepFaultTest, EveryWriteFails) {
  FailEach(FileOperation::kWrite, absl::InternalError("EIO"));
}
TEST(SweepFaultTest, EverySyncFails) {
  FailEach(FileOperation::kSync, absl::InternalError("EIO"));
}
TEST(SweepFaultTest, EverySyncOfADirectoryFails) {
  FailEach(FileOperation::kSyncDirectory, absl::InternalError("EIO"));
}
TEST(SweepFaultTest, EveryRemovalFails) {
  FailEach(FileOperation::kRemove, absl::InternalError("EIO"));
}
TEST(SweepFaultTest, EveryCreationFails) {
  FailEach(FileOperation::kCreate, absl::InternalError("EMFILE"));
  FailEach(FileOperation::kCreate, absl::ResourceExhaustedError("ENOSPC"));
}
TEST(SweepFaultTest, EveryOpenFails) {
  FailEach(FileOperation::kOpen, absl::InternalError("EMFILE"));
}

}  // namespace
}  // namespace cairn::chunk_storage
