#include "services/chunk_storage/engine/store_sweeper.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/pack/pack_format.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/engine/sweep_harness.h"

namespace cairn::chunk_storage {
namespace {

using ::testing::HasSubstr;

// Sessions of the tests have this epoch.
constexpr uint64_t kEpoch = 5;
constexpr uint64_t kCut = kEpoch + 1;

Record Chunk(int number) {
  std::string plain = absl::StrCat("chunk ", number, " ");
  plain.resize(static_cast<size_t>(500 + number * 7919 % 3000),
               static_cast<char>('a' + number % 26));
  return RawChunk(plain);
}
std::vector<Record> Chunks(int first, int end) {
  std::vector<Record> records;
  for (int i = first; i < end; ++i) records.push_back(Chunk(i));
  return records;
}
std::set<RecordKey> Every(int step, int end, int first = 0) {
  std::set<RecordKey> keys;
  for (int i = first; i < end; i += step) keys.insert(Chunk(i).key);
  return keys;
}
MATCHER_P(IsReason, code, "") { return HasReason(arg, code); }

class StoreSweeperTest : public ::testing::Test {
 protected:
  StoreSweeperTest() { Start(); }

  void Start() {
    ASSERT_OK(store_.Start());
    const uint64_t token = sweep_ == nullptr ? 100 : sweep_->token();
    sweep_ = std::make_unique<SweepHarness>(&store_);
    sweep_->set_token(token);
    ASSERT_OK(sweep_->TellFloor());
  }
  void PutChunks(int first, int end) {
    ASSERT_OK(store_.Put(Chunks(first, end)));
    store_.test_executor().Run();
  }
  // Without the pin that IsPresent is.
  bool IsStored(const RecordKey& key) {
    return store_.repository()
        .TouchOf(store_.call(), store_.datastore(), key)
        .ok();
  }
  void ExpectExactly(const std::set<RecordKey>& keys, int end) {
    for (int i = 0; i < end; ++i) {
      const Record chunk = Chunk(i);
      ASSERT_EQ(IsStored(chunk.key), keys.contains(chunk.key)) << i;
      if (!keys.contains(chunk.key)) continue;
      ASSERT_THAT(store_.Read(chunk.key), IsOkAndHolds(chunk.payload));
    }
  }
  uint64_t FileBytes() {
    uint64_t bytes = 0;
    for (const std::string& path : store_.PackPaths()) {
      bytes += *(*store_.disk().OpenForRead(path))->Size();
    }
    return bytes;
  }
  std::string ReadFile(const std::string& path) {
    const auto file = store_.disk().OpenForRead(path);
    EXPECT_OK(file);
    return file.ok() ? *(*file)->ReadAt(0, *(*file)->Size()) : "";
  }
  std::string AuditPath() {
    return absl::StrCat("/data/datastores/", store_.datastore().uuid.ToString(),
                        "/audit/", sweep_->token(), ".log");
  }

  RepositoryHarness store_;
  std::unique_ptr<SweepHarness> sweep_;
};

TEST_F(StoreSweeperTest, DropsWhatNothingMarksAndKeepsTheRest) {
  PutChunks(0, 40);
  const auto marked = Every(2, 40);
  const auto swept = sweep_->Run(kCut, marked, /*compact=*/false);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->dropped.records, 20u);
  EXPECT_EQ(swept->copied.records, 0u);
  ExpectExactly(marked, 40);
  EXPECT_EQ(store_.Statistics().record_count, 20u);
  EXPECT_EQ(store_.Statistics().damaged_count, 0u);
  ASSERT_OK(store_.Stop());
  Start();
  ExpectExactly(marked, 40);
  EXPECT_EQ(store_.Statistics().record_count, 20u);
}

TEST_F(StoreSweeperTest, CompactionLeavesExactlyTheLiveBytes) {
  PutChunks(0, 60);
  const auto marked = Every(3, 60);
  const auto swept = sweep_->Run(kCut, marked);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->dropped.records, 40u);
  EXPECT_EQ(swept->copied.records, 20u);
  EXPECT_TRUE(swept->remaining.empty());
  ExpectExactly(marked, 60);
  uint64_t live = 0;
  for (const PackInfo& pack : sweep_->Packs(/*with_set=*/false)) {
    live += pack.file_bytes;
  }
  EXPECT_EQ(live, FileBytes());
  // Each file is its records and what a pack adds, to the byte.
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(marked));
  RecordSum all;
  for (const PackInfo& pack : sweep_->Packs()) {
    EXPECT_EQ(pack.file_bytes, TightFileBytes(pack.records));
    EXPECT_EQ(pack.kept, pack.records);
    all.records += pack.records.records;
    all.bytes += pack.records.bytes;
  }
  EXPECT_EQ(all.records, 20u);
  uint64_t extents = 0;
  for (int i = 0; i < 60; i += 3) {
    extents += RecordExtent(Chunk(i).payload.size());
  }
  EXPECT_EQ(all.bytes, extents);
  EXPECT_EQ(store_.Statistics().pack_bytes, FileBytes());
  // A second one finds nothing to do.
  const auto again = sweep_->Sweep(/*compact=*/true);
  ASSERT_OK(again);
  EXPECT_EQ(again->removed_packs + again->new_packs, 0u);
  ASSERT_OK(store_.Stop());
  Start();
  ExpectExactly(marked, 60);
}

TEST_F(StoreSweeperTest, WhatWasPinnedOrStoredSinceTheCutStays) {
  PutChunks(0, 30);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(Every(2, 30)));
  const std::vector<RecordKey> pinned = {Chunk(1).key, Chunk(7).key};
  ASSERT_OK(
      store_.repository().Pin(store_.call(), store_.Session(2, kCut), pinned));
  ASSERT_OK(store_.repository().Put(store_.call(), store_.Session(3, kCut),
                                    Chunks(9, 10)));
  const auto swept = sweep_->Sweep(/*compact=*/true);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->spared_records, 3u);
  auto kept = Every(2, 30);
  kept.insert({Chunk(1).key, Chunk(7).key, Chunk(9).key});
  ExpectExactly(kept, 30);
  // The touches went along: the same again spares them again.
  ASSERT_OK(sweep_->Run(kCut, Every(2, 30)));
  ExpectExactly(kept, 30);
  // Until the cut is above them.
  ASSERT_OK(sweep_->Run(kCut + 1, Every(2, 30)));
  ExpectExactly(Every(2, 30), 30);
}

TEST_F(StoreSweeperTest, BelowTheFloorNothingGoes) {
  PutChunks(0, 10);
  ASSERT_OK(store_.Stop());
  ASSERT_OK(store_.Start());
  sweep_ = std::make_unique<SweepHarness>(&store_);
  // Nothing is known of what was promised.
  EXPECT_THAT(sweep_->Begin(kCut), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(sweep_->TellFloor(kCut));
  ASSERT_OK(sweep_->Run(kCut, {}));
  ExpectExactly(Every(1, 10), 10);
  const auto state = sweep_->Begin(kCut + 1);
  ASSERT_OK(state);
  EXPECT_EQ(state->floor, kCut);
  ASSERT_OK(sweep_->Run(kCut + 1, {}));
  ExpectExactly({}, 10);
  EXPECT_EQ(FileBytes(), 0u);
}

TEST_F(StoreSweeperTest, EventsStayAndManifestsByTheirNumber) {
  const auto append = [&](RecordKind kind, uint64_t sequence) {
    const Record record =
        RawRecord(kind, absl::StrCat("catalog ", sequence), sequence);
    EXPECT_OK(store_.repository().Append(store_.call(), store_.datastore(),
                                         std::vector<Record>{record}));
    return record.key;
  };
  const RecordKey event = append(RecordKind::kEvent, 1);
  const RecordKey old_manifest = append(RecordKind::kManifest, 2);
  const RecordKey marked_manifest = append(RecordKind::kManifest, 3);
  const RecordKey last_seen = append(RecordKind::kManifest, 4);
  const RecordKey unseen = append(RecordKind::kManifest, 5);
  const Record page = RawRecord(RecordKind::kPage, "page");
  ASSERT_OK(store_.Put({page}));
  ASSERT_OK(sweep_->Begin(kCut, /*sequence=*/4));
  const auto summary = sweep_->Mark({marked_manifest});
  ASSERT_OK(summary);
  EXPECT_EQ(summary->marked.records, 1u);
  EXPECT_EQ(summary->unmarked.records, 5u);
  EXPECT_EQ(summary->spared.records, 2u);
  ASSERT_OK(sweep_->Sweep(/*compact=*/true));
  EXPECT_TRUE(IsStored(event));
  EXPECT_TRUE(IsStored(marked_manifest));
  EXPECT_TRUE(IsStored(unseen));
  EXPECT_FALSE(IsStored(old_manifest));
  EXPECT_FALSE(IsStored(last_seen));
  EXPECT_FALSE(IsStored(page.key));
  // What was copied keeps its number.
  ASSERT_OK(store_.Stop());
  store_.LoseRows();
  ASSERT_OK(store_.Rebuild());
  Start();
  EXPECT_EQ(store_.Statistics().sequence, 5u);
  EXPECT_TRUE(IsStored(unseen));
}

TEST_F(StoreSweeperTest, AHigherTokenEndsASweep) {
  PutChunks(0, 10);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark({}));
  const SweepPacksRequest request = {.set = SweepHarness::kSet,
                                     .token = sweep_->token(),
                                     .packs = sweep_->PackNumbers()};
  ASSERT_OK(store_.repository().ShowToken(
      store_.call(), store_.datastore(),
      {.token = sweep_->token() + 1, .epoch = 1, .sequence = ~uint64_t{0}}));
  const auto swept = sweep_->SweepOne(store_.call(), request);
  EXPECT_THAT(swept, StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(swept.status(), IsReason(reason::kSweepLost));
  ExpectExactly(Every(1, 10), 10);
  // And may not begin again.
  const auto begun = sweep_->sweeper().BeginSweep(
      store_.call(), store_.datastore(),
      {.token = sweep_->token(), .cut = kCut, .sequence = ~uint64_t{0}});
  EXPECT_THAT(begun.status(), IsReason(reason::kStaleToken));
}

TEST_F(StoreSweeperTest, AHigherTokenEndsASweepInItsMiddle) {
  PutChunks(0, 40);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(Every(2, 40)));
  // It copies slowly, and before anything has moved it is overtaken.
  store_.test_executor().ScheduleAfter(absl::Seconds(1), [this] {
    ASSERT_OK(store_.repository().ShowToken(
        store_.call(), store_.datastore(),
        {.token = sweep_->token() + 1, .epoch = 1, .sequence = ~uint64_t{0}}));
  });
  const std::vector<uint32_t> packs = sweep_->PackNumbers();
  const auto swept =
      sweep_->SweepOne(store_.call(), {.set = SweepHarness::kSet,
                                       .token = sweep_->token(),
                                       .packs = packs,
                                       .compact = packs,
                                       .copy_bytes_per_second = 10'000});
  EXPECT_THAT(swept.status(), IsReason(reason::kSweepLost));
  ExpectExactly(Every(2, 40), 40);
  // What it left is swept by the next one.
  sweep_->set_token(sweep_->token() + 1);
  ASSERT_OK(sweep_->Run(kCut, Every(2, 40)));
  EXPECT_EQ(store_.Statistics().pack_bytes, FileBytes());
  ExpectExactly(Every(2, 40), 40);
}

TEST_F(StoreSweeperTest, AnIndexThatIsBehindMayNotSweep) {
  const Record event = RawRecord(RecordKind::kEvent, "event", 9);
  ASSERT_OK(store_.repository().Append(store_.call(), store_.datastore(),
                                       std::vector<Record>{event}));
  const StoreSweepRequest behind = {.token = 900, .cut = kCut, .sequence = 8};
  EXPECT_THAT(sweep_->sweeper()
                  .BeginSweep(store_.call(), store_.datastore(), behind)
                  .status(),
              IsReason(reason::kIndexBehind));
  // One whose view is a little old is not behind.
  StoreSweepRequest fresh = behind;
  fresh.index_sequence = 9;
  ASSERT_OK(
      sweep_->sweeper().BeginSweep(store_.call(), store_.datastore(), fresh));
}

TEST_F(StoreSweeperTest, SumsOfMarksSayWhoHolds) {
  PutChunks(0, 12);
  std::map<RecordKey, MarkHolder> marked;
  RecordSum trash;
  for (int i = 0; i < 8; ++i) {
    const MarkHolder holder = i < 3   ? MarkHolder::kTrash
                              : i < 5 ? MarkHolder::kSession
                                      : MarkHolder::kListed;
    marked[Chunk(i).key] = holder;
    if (holder != MarkHolder::kTrash) continue;
    ++trash.records;
    trash.bytes += RecordExtent(Chunk(i).payload.size());
  }
  marked[Chunk(50).key] = MarkHolder::kListed;  // not stored
  // Not stored either, and nothing is lost: its session is told so.
  marked[Chunk(51).key] = MarkHolder::kSession;
  marked[RawRecord(RecordKind::kPage, "no page").key] = MarkHolder::kTrash;
  ASSERT_OK(sweep_->Begin(kCut));
  TestMarks marks(marked);
  const auto summary = sweep_->Mark(marks);
  ASSERT_OK(summary);
  EXPECT_EQ(summary->marked.records, 8u);
  EXPECT_EQ(summary->trash, trash);
  EXPECT_EQ(summary->session.records, 2u);
  EXPECT_EQ(summary->unmarked.records, 4u);
  EXPECT_EQ(summary->spared.records, 0u);
  EXPECT_EQ(summary->missing_records, 2u);
  ASSERT_EQ(summary->missing.size(), 2u);
  EXPECT_EQ(summary->missing[0].marks[0].prefix,
            MarkPrefix(Chunk(50).key.digest));
  EXPECT_EQ(summary->missing[1].kind, RecordKind::kPage);
}

TEST_F(StoreSweeperTest, WhatIsInAnOpenPackIsNotMissing) {
  PutChunks(0, 4);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(store_.Put({Chunk(60)}));
  const auto summary = sweep_->Mark({Chunk(0).key, Chunk(60).key});
  ASSERT_OK(summary);
  EXPECT_EQ(summary->missing_records, 0u);
  EXPECT_EQ(summary->marked.records, 1u);
}

TEST_F(StoreSweeperTest, MarksOutOfOrderOrCutOffMakeNoSet) {
  PutChunks(0, 4);
  ASSERT_OK(sweep_->Begin(kCut));
  const MarkRun chunk = {.kind = RecordKind::kChunk, .marks = {{.prefix = 7}}};
  const MarkRun page = {.kind = RecordKind::kPage, .marks = {{.prefix = 7}}};
  const MarkRun twice = {.kind = RecordKind::kChunk,
                         .marks = {{.prefix = 7}, {.prefix = 7}}};
  const MarkRun none = {.kind = RecordKind::kChunk};
  const MarkRun event = {.kind = RecordKind::kEvent, .marks = {{.prefix = 7}}};
  for (const std::vector<MarkRun>& runs : {std::vector<MarkRun>{page, chunk},
                                           {chunk, chunk},
                                           {twice},
                                           {none},
                                           {event}}) {
    TestMarks marks(runs);
    EXPECT_THAT(sweep_->Mark(marks),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  TestMarks cut_off({}, 3, absl::UnavailableError("gone"));
  EXPECT_THAT(sweep_->Mark(cut_off), StatusIs(absl::StatusCode::kUnavailable));
  const auto swept =
      sweep_->SweepOne(store_.call(), {.set = SweepHarness::kSet,
                                       .token = sweep_->token(),
                                       .packs = sweep_->PackNumbers()});
  EXPECT_THAT(swept.status(), IsReason(reason::kSweepLost));
  ExpectExactly(Every(1, 4), 4);
}

TEST_F(StoreSweeperTest, SetsAreFewAndIdleOnesGo) {
  const auto put = [&](uint8_t id) {
    TestMarks marks(std::set<RecordKey>{});
    return sweep_->sweeper()
        .PutMarks(store_.call(), store_.datastore(), {.id = Uuid{{id}}}, marks)
        .status();
  };
  for (uint8_t id = 1; id <= 4; ++id) ASSERT_OK(put(id));
  EXPECT_THAT(put(5), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_OK(put(2));  // in the place of the former
  ASSERT_OK(sweep_->sweeper().DropMarks(store_.call(), store_.datastore(),
                                        Uuid{{1}}));
  ASSERT_OK(put(5));
  store_.test_executor().AdvanceAndRun(absl::Minutes(30));
  for (uint8_t id = 11; id <= 14; ++id) ASSERT_OK(put(id));
  EXPECT_THAT(
      sweep_->sweeper()
          .ListPacks(store_.call(), store_.datastore(), Uuid{{5}}, 10, 0)
          .status(),
      IsReason(reason::kSweepLost));
}

TEST_F(StoreSweeperTest, PacksAreListedByPagesWithWhatStays) {
  PutChunks(0, 60);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(Every(2, 60)));
  const std::vector<PackInfo> all = sweep_->Packs();
  ASSERT_GT(all.size(), 2u);
  uint64_t kept = 0;
  for (const PackInfo& pack : all) {
    kept += pack.kept.records;
    EXPECT_TRUE(pack.seal_time.has_value());
    EXPECT_FALSE(pack.proof_time.has_value());
    EXPECT_FALSE(pack.missing);
  }
  EXPECT_EQ(kept, 30u);
  std::vector<uint32_t> numbers;
  for (uint32_t after = 0;;) {
    const auto page = sweep_->sweeper().ListPacks(
        store_.call(), store_.datastore(), SweepHarness::kSet, 1, after);
    ASSERT_OK(page);
    ASSERT_EQ(page->packs.size(), 1u);
    after = page->packs[0].number;
    numbers.push_back(after);
    if (page->done) break;
  }
  EXPECT_EQ(numbers, sweep_->PackNumbers());
  // A touch since counts as it is now.
  const std::vector<RecordKey> pinned = {Chunk(1).key};
  ASSERT_OK(
      store_.repository().Pin(store_.call(), store_.Session(2, kCut), pinned));
  kept = 0;
  for (const PackInfo& pack : sweep_->Packs()) kept += pack.kept.records;
  EXPECT_EQ(kept, 31u);
}

TEST_F(StoreSweeperTest, BadRecordsGoUnlessTheyAreMarked) {
  PutChunks(0, 10);
  for (const int number : {2, 3}) {
    store_.Damage(store_.datastore(), Chunk(number).key);
    EXPECT_THAT(store_.Read(Chunk(number).key),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_EQ(store_.Statistics().damaged_count, 2u);
  ASSERT_OK(sweep_->Begin(kCut));
  auto marked = Every(1, 10);
  marked.erase(Chunk(3).key);
  marked.erase(Chunk(4).key);
  const auto summary = sweep_->Mark(marked);
  ASSERT_OK(summary);
  EXPECT_EQ(summary->missing_records, 1u);
  const auto swept = sweep_->Sweep(/*compact=*/true);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->dropped.records, 2u);
  EXPECT_EQ(swept->damaged_packs.size(), 1u);
  EXPECT_EQ(store_.Statistics().damaged_count, 1u);
  EXPECT_FALSE(IsStored(Chunk(3).key));
  EXPECT_TRUE(IsStored(Chunk(2).key));
  // Its good neighbours have moved on; the pack waits to be healed.
  for (const int number : {0, 1, 5, 9}) {
    EXPECT_THAT(store_.Read(Chunk(number).key),
                IsOkAndHolds(Chunk(number).payload));
  }
  ASSERT_OK(store_.Put({Chunk(2)}));
  ASSERT_OK(sweep_->Run(kCut, marked));
  EXPECT_EQ(store_.Statistics().damaged_count, 0u);
  ExpectExactly(marked, 10);
  EXPECT_EQ(store_.Statistics().record_count, 8u);
}

TEST_F(StoreSweeperTest, DamageIsNotCopied) {
  PutChunks(0, 20);
  store_.Damage(store_.datastore(), Chunk(4).key);
  const auto swept = sweep_->Run(kCut, Every(2, 20));
  ASSERT_OK(swept);
  EXPECT_EQ(swept->copied.records, 9u);
  EXPECT_EQ(swept->damaged_packs.size(), 1u);
  EXPECT_EQ(store_.Statistics().damaged_count, 1u);
  EXPECT_THAT(store_.Read(Chunk(4).key), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(store_.IsPresent(Chunk(4).key));
  auto kept = Every(2, 20);
  kept.erase(Chunk(4).key);
  for (const RecordKey& key : kept) EXPECT_OK(store_.Read(key));
  const auto damaged = sweep_->sweeper().ListDamaged(
      store_.call(), store_.datastore(), std::nullopt, 10);
  ASSERT_OK(damaged);
  ASSERT_EQ(damaged->damage.size(), 1u);
  EXPECT_EQ(damaged->damage[0].key, Chunk(4).key);
  EXPECT_TRUE(damaged->done);
}

// So far that each is read alone, and large enough for a pack of several
// reads.
TEST(StoreSweeperScatteredTest, EachOfManyReadsIsProved) {
  RepositoryOptions options = SmallPacks();
  options.pack_bytes = uint64_t{32} << 20;
  RepositoryHarness store(options);
  ASSERT_OK(store.Start());
  SweepHarness sweep(&store);
  ASSERT_OK(sweep.TellFloor());
  std::vector<Record> records;
  std::set<RecordKey> marked;
  for (int i = 0; i < 60; ++i) {
    records.push_back(RawChunk(std::string(300'000, static_cast<char>(i))));
    ASSERT_OK(store.Put({records.back()}));
    if (i % 2 == 0) marked.insert(records.back().key);
  }
  for (const int i : {6, 40}) store.Damage(store.datastore(), records[i].key);
  const auto swept = sweep.Run(kCut, marked);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->copied.records, 28u);
  EXPECT_EQ(swept->damaged_packs.size(), 1u);
  EXPECT_EQ(store.Statistics().damaged_count, 2u);
  for (int i = 0; i < 60; i += 2) {
    if (i == 6 || i == 40) {
      EXPECT_FALSE(store.IsPresent(records[i].key)) << i;
      continue;
    }
    EXPECT_THAT(store.Read(records[i].key), IsOkAndHolds(records[i].payload))
        << i;
  }
}

TEST(StoreSweeperScatteredTest, ALongCopyIsWrittenOutBeforeItsEnd) {
  RepositoryOptions options = SmallPacks();
  options.pack_bytes = uint64_t{64} << 20;
  RepositoryHarness store(options);
  ASSERT_OK(store.Start());
  SweepHarness sweep(&store);
  ASSERT_OK(sweep.TellFloor());
  std::set<RecordKey> marked;
  for (int i = 0; i < 60; ++i) {
    const Record record = RawChunk(std::string(1 << 20, static_cast<char>(i)));
    ASSERT_OK(store.Put({record}));
    if (i % 2 == 0) marked.insert(record.key);
  }
  ASSERT_OK(sweep.Begin(kCut));
  ASSERT_OK(sweep.Mark(marked));
  // Those that must be are three: of the audit log, of the records, and of the
  // footer.
  store.files().FailCall(FileOperation::kSync, 4, absl::InternalError("torn"),
                         FaultyFileSystem::Then::kRecover);
  EXPECT_THAT(sweep.Sweep(/*compact=*/true),
              StatusIs(absl::StatusCode::kUnavailable));
}

// What is proved beside the copying, what at its end, and the footer: a bit
// that the disk got wrong anywhere costs nothing but the copy.
TEST(StoreSweeperScatteredTest, ACopyThatIsNotWhatWasWrittenIsGivenUp) {
  RepositoryOptions options = SmallPacks();
  options.pack_bytes = uint64_t{64} << 20;
  uint64_t writes = 0;  // of a sweep; counted by the first round
  int refused = 0;
  for (const int part : {0, 1, 2, 3, 4, 5}) {
    RepositoryHarness store(options);
    ASSERT_OK(store.Start());
    SweepHarness sweep(&store);
    ASSERT_OK(sweep.TellFloor());
    std::vector<Record> records;
    std::set<RecordKey> marked;
    for (int i = 0; i < 50; ++i) {
      records.push_back(RawChunk(std::string(1 << 20, static_cast<char>(i))));
      ASSERT_OK(store.Put({records.back()}));
      if (i % 2 == 0) marked.insert(records.back().key);
    }
    ASSERT_OK(sweep.Begin(kCut));
    ASSERT_OK(sweep.Mark(marked));
    const uint64_t before = store.files().calls(FileOperation::kWrite);
    if (part > 0) store.files().FlipBitOfWrite(part * writes / 5);
    const auto swept = sweep.Sweep(/*compact=*/true);
    if (part == 0) {
      ASSERT_OK(swept);
      writes = store.files().calls(FileOperation::kWrite) - before;
      ASSERT_GT(writes, 25u);
    }
    if (!swept.ok()) ++refused;
    for (size_t i = 0; i < records.size(); i += 2) {
      ASSERT_THAT(store.Read(records[i].key), IsOkAndHolds(records[i].payload))
          << "part " << part << " record " << i << " " << swept.status();
    }
  }
  EXPECT_GE(refused, 3);
}

TEST_F(StoreSweeperTest, AStreamGoesOnWhenItsRecordsMoveAndGo) {
  PutChunks(0, 40);
  std::vector<RecordKey> keys;
  for (int i = 0; i < 40; i += 2) keys.push_back(Chunk(i).key);
  const auto stream =
      store_.repository().Get(store_.call(), store_.datastore(), keys);
  ASSERT_OK(stream);
  ASSERT_OK((*stream)->Next());  // looks all of them up
  ASSERT_OK(sweep_->Run(kCut, Every(2, 40)));
  for (size_t i = 1; i < keys.size(); ++i) {
    const auto record = (*stream)->Next();
    ASSERT_OK(record);
    ASSERT_TRUE(record->has_value());
    EXPECT_EQ((*record)->key, keys[i]);
  }
  const auto doomed =
      store_.repository().Get(store_.call(), store_.datastore(), keys);
  ASSERT_OK((*doomed)->Next());
  ASSERT_OK(sweep_->Run(kCut, {}));
  absl::Status ended;
  for (size_t i = 1; i < keys.size() && ended.ok(); ++i) {
    ended = (*doomed)->Next().status();
  }
  EXPECT_THAT(ended, IsReason(reason::kRecordMissing));
  EXPECT_EQ(store_.Statistics().damaged_count, 0u);
}

TEST_F(StoreSweeperTest, MarksMoveWithTheirRecords) {
  PutChunks(0, 40);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(Every(2, 40)));
  TestMarks scope(Every(4, 40));
  const Uuid verify_set = {{9}};
  ASSERT_OK(sweep_->sweeper().PutMarks(store_.call(), store_.datastore(),
                                       {.id = verify_set}, scope));
  ASSERT_OK(sweep_->Sweep(/*compact=*/true));
  // The same set again, over packs that were made since.
  ASSERT_OK(sweep_->Sweep(/*compact=*/true));
  ASSERT_OK(sweep_->Sweep(/*compact=*/false));
  ExpectExactly(Every(2, 40), 40);
  uint64_t proved = 0;
  ASSERT_OK(sweep_->sweeper().VerifyPacks(
      store_.call(), store_.datastore(),
      {.packs = sweep_->PackNumbers(), .set = verify_set},
      [&](const VerifiedPack& pack) { proved += pack.records.records; }));
  EXPECT_EQ(proved, 10u);
}

TEST_F(StoreSweeperTest, GarbageInAnOpenPackGoesToo) {
  PutChunks(0, 3);  // stays open
  EXPECT_EQ(store_.Statistics().open_pack_count, 1u);
  const auto swept = sweep_->Run(kCut, {});
  ASSERT_OK(swept);
  EXPECT_EQ(swept->removed_packs, 1u);
  EXPECT_EQ(FileBytes(), 0u);
  EXPECT_EQ(store_.Statistics().pack_count, 0u);
  // The session goes on.
  ASSERT_OK(store_.Put(Chunks(0, 3)));
  ASSERT_OK(store_.Sync());
  ExpectExactly(Every(1, 3), 3);
}

TEST_F(StoreSweeperTest, CopiesEndWithTheirLimitAndSayWhatRemains) {
  PutChunks(0, 80);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(Every(2, 80)));
  const auto first = sweep_->Sweep(/*compact=*/true, /*max_copy_bytes=*/1);
  ASSERT_OK(first);
  EXPECT_EQ(first->dropped.records, 40u);
  ASSERT_FALSE(first->remaining.empty());
  std::vector<uint32_t> remaining = first->remaining;
  size_t calls = 0;
  for (; !remaining.empty() && calls < 50; ++calls) {
    const auto next =
        sweep_->SweepOne(store_.call(), {.set = SweepHarness::kSet,
                                         .token = sweep_->token(),
                                         .packs = remaining,
                                         .compact = remaining,
                                         .max_copy_bytes = 1});
    ASSERT_OK(next);
    EXPECT_LT(next->remaining.size(), remaining.size());
    remaining = next->remaining;
  }
  EXPECT_EQ(calls, first->remaining.size());
  ExpectExactly(Every(2, 80), 80);
}

TEST_F(StoreSweeperTest, CancellationLeavesNoHalfCopy) {
  PutChunks(0, 60);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark(Every(2, 60)));
  // Slow: it waits between records, and there it is cancelled.
  CancellationToken token;
  Call call = store_.call();
  call.cancellation = &token;
  store_.test_executor().ScheduleAfter(absl::Seconds(2),
                                       [&token] { token.Cancel(); });
  const std::vector<uint32_t> packs = sweep_->PackNumbers();
  const auto swept = sweep_->SweepOne(call, {.set = SweepHarness::kSet,
                                             .token = sweep_->token(),
                                             .packs = packs,
                                             .compact = packs,
                                             .copy_bytes_per_second = 4096});
  EXPECT_THAT(swept, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(sweep_->PackNumbers(), packs);
  EXPECT_EQ(store_.PackPaths().size(), packs.size());
  ExpectExactly(Every(2, 60), 60);
  ASSERT_OK(sweep_->Sweep(/*compact=*/true));
  ExpectExactly(Every(2, 60), 60);
}

TEST_F(StoreSweeperTest, AFullDiskIsFreedAndCompactionWaits) {
  PutChunks(0, 60);
  ASSERT_OK(sweep_->Begin(kCut));
  const auto marked = Every(3, 60);
  ASSERT_OK(sweep_->Mark(marked));
  store_.files().SetFreeBytes(100);
  const auto swept = sweep_->Sweep(/*compact=*/true);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->dropped.records, 40u);
  EXPECT_EQ(swept->new_packs, 0u);
  EXPECT_FALSE(swept->remaining.empty());
  ExpectExactly(marked, 60);
  const auto again = sweep_->Sweep(/*compact=*/true);
  EXPECT_THAT(again.status(), IsReason(reason::kStorageFull));
  store_.files().SetFreeBytes(std::nullopt);
  const auto freed = sweep_->Sweep(/*compact=*/true);
  ASSERT_OK(freed);
  EXPECT_TRUE(freed->remaining.empty());
  EXPECT_GT(freed->removed_bytes, freed->new_bytes);
  ExpectExactly(marked, 60);
}

TEST_F(StoreSweeperTest, EveryDeletionIsInTheAuditLog) {
  PutChunks(0, 6);
  ASSERT_OK(sweep_->Begin(kCut, /*sequence=*/77));
  ASSERT_OK(sweep_->Mark(Every(2, 6)));
  const std::vector<PackInfo> packs = sweep_->Packs();
  ASSERT_EQ(packs.size(), 1u);
  ASSERT_OK(sweep_->Sweep(/*compact=*/false));
  const std::string log = ReadFile(AuditPath());
  EXPECT_THAT(log, ::testing::StartsWith(absl::StrCat(
                       "sweep token=", sweep_->token(), " cut=", kCut,
                       " sequence=77 time=2026-01-01T00:00:00")));
  for (int i = 0; i < 6; ++i) {
    const std::string line =
        absl::StrCat("\nchunk ", Chunk(i).key.digest.ToHex(),
                     " pack=", packs[0].uuid.ToString(), " reason=unmarked\n");
    EXPECT_EQ(log.find(line) != std::string::npos, i % 2 == 1) << i;
  }
  // It goes after 90 days.
  const std::string path = AuditPath();
  store_.test_executor().AdvanceAndRun(absl::Hours(24 * 91));
  ASSERT_OK(sweep_->Begin(kCut));
  EXPECT_THAT(store_.disk().OpenForRead(path),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StoreSweeperTest, APackThatIsMissingLosesWhatNothingMarks) {
  PutChunks(0, 30);
  ASSERT_OK(store_.Stop());
  const std::string gone = store_.PackPaths().front();
  ASSERT_OK(store_.disk().Remove(gone));
  Start();
  const uint64_t damaged = store_.Statistics().damaged_count;
  ASSERT_GT(damaged, 0u);
  ASSERT_OK(sweep_->Begin(kCut));
  ASSERT_OK(sweep_->Mark({}));
  const std::vector<PackInfo> packs = sweep_->Packs();
  EXPECT_EQ(std::count_if(packs.begin(), packs.end(),
                          [](const PackInfo& pack) { return pack.missing; }),
            1);
  const auto swept = sweep_->Sweep(/*compact=*/true);
  ASSERT_OK(swept);
  EXPECT_EQ(swept->dropped.records, 30u);
  EXPECT_EQ(store_.Statistics().damaged_count, 0u);
  EXPECT_EQ(store_.Statistics().record_count, 0u);
  EXPECT_EQ(store_.Statistics().pack_count, 0u);
}

TEST_F(StoreSweeperTest, PacksWithoutAFooterAreSweptToo) {
  PutChunks(0, 6);
  ASSERT_OK(store_.Sync());
  store_.Kill();  // recovery seals the pack as it is
  Start();
  ASSERT_OK(sweep_->Run(kCut, Every(2, 6)));
  ExpectExactly(Every(2, 6), 6);
  EXPECT_EQ(store_.Statistics().record_count, 3u);
}

class StoreVerifyTest : public StoreSweeperTest {
 protected:
  void SealAll() {
    ASSERT_OK(sweep_->Begin(1));
    ASSERT_OK(sweep_->End());
  }
  std::vector<VerifiedPack> Verify(VerifyDepth depth,
                                   std::vector<uint32_t> packs = {}) {
    std::vector<VerifiedPack> verified;
    if (packs.empty()) packs = sweep_->PackNumbers();
    EXPECT_OK(sweep_->sweeper().VerifyPacks(
        store_.call(), store_.datastore(), {.packs = packs, .depth = depth},
        [&](const VerifiedPack& pack) { verified.push_back(pack); }));
    return verified;
  }
};

TEST_F(StoreVerifyTest, ProvesAndStampsPacks) {
  PutChunks(0, 40);
  SealAll();
  const std::vector<uint32_t> packs = sweep_->PackNumbers();
  const auto light = Verify(VerifyDepth::kLight);
  ASSERT_EQ(light.size(), packs.size());
  for (const PackInfo& pack : sweep_->Packs(false)) {
    EXPECT_FALSE(pack.proof_time.has_value());
    EXPECT_TRUE(pack.presence_time.has_value());
  }
  store_.test_executor().AdvanceAndRun(absl::Hours(1));
  const auto deep = Verify(VerifyDepth::kDeep);
  uint64_t records = 0;
  uint64_t plain = 0;
  for (size_t i = 0; i < deep.size(); ++i) {
    EXPECT_EQ(deep[i].pack, packs[i]);
    EXPECT_TRUE(deep[i].damage.empty());
    records += deep[i].records.records;
    plain += deep[i].plain_bytes;
  }
  EXPECT_EQ(records, 40u);
  EXPECT_EQ(plain, store_.Statistics().record_bytes);
  for (const PackInfo& pack : sweep_->Packs(false)) {
    EXPECT_EQ(pack.proof_time, pack.presence_time);
  }
  const auto stamp = sweep_->Packs(false)[0].proof_time;
  ASSERT_OK(store_.Stop());
  Start();
  EXPECT_EQ(sweep_->Packs(false)[0].proof_time, stamp);
}

TEST_F(StoreVerifyTest, FindsDamageMarksItBadAndGoesOn) {
  PutChunks(0, 40);
  SealAll();
  for (const int number : {3, 17, 33}) {
    store_.Damage(store_.datastore(), Chunk(number).key);
  }
  // Headers are whole, so the light one sees nothing.
  for (const VerifiedPack& pack : Verify(VerifyDepth::kLight)) {
    EXPECT_TRUE(pack.damage.empty());
  }
  for (int round = 0; round < 2; ++round) {
    std::set<RecordKey> damaged;
    uint64_t proved = 0;
    for (const VerifiedPack& pack : Verify(VerifyDepth::kDeep)) {
      for (const RecordDamage& damage : pack.damage) {
        damaged.insert(damage.key);
      }
      proved += pack.records.records;
    }
    EXPECT_EQ(damaged, (std::set<RecordKey>{Chunk(3).key, Chunk(17).key,
                                            Chunk(33).key}));
    EXPECT_EQ(proved, 37u);
  }
  EXPECT_EQ(store_.Statistics().damaged_count, 3u);
  EXPECT_FALSE(store_.IsPresent(Chunk(3).key));
  std::vector<RecordKey> listed;
  std::optional<RecordKey> after;
  for (;;) {
    const auto page = sweep_->sweeper().ListDamaged(
        store_.call(), store_.datastore(), after, 1);
    ASSERT_OK(page);
    ASSERT_EQ(page->damage.size(), 1u);
    after = page->damage[0].key;
    listed.push_back(*after);
    if (page->done) break;
  }
  EXPECT_EQ(listed.size(), 3u);
  EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end()));
  // Packs with damage in them are not proved.
  size_t unproved = 0;
  for (const PackInfo& pack : sweep_->Packs(false)) {
    if (!pack.proof_time.has_value()) ++unproved;
  }
  EXPECT_GE(unproved, 1u);
  EXPECT_LE(unproved, 3u);
}

TEST_F(StoreVerifyTest, AFileThatIsGoneOrShortIsDamage) {
  PutChunks(0, 40);
  SealAll();
  const std::vector<PackInfo> packs = sweep_->Packs(false);
  ASSERT_GE(packs.size(), 2u);
  ASSERT_OK(store_.Stop());
  const std::string directory = absl::StrCat(
      "/data/datastores/", store_.datastore().uuid.ToString(), "/packs/");
  ASSERT_OK(store_.disk().Remove(
      absl::StrCat(directory, packs[0].uuid.ToString(), ".pack")));
  Start();
  const auto verified =
      Verify(VerifyDepth::kLight, {packs[0].number, packs[1].number});
  ASSERT_EQ(verified.size(), 2u);
  EXPECT_EQ(verified[0].damage.size(), packs[0].records.records);
  EXPECT_TRUE(verified[1].damage.empty());
  EXPECT_THAT(verified[0].damage[0].why, HasSubstr("no file"));
}

TEST_F(StoreVerifyTest, KeepsToItsRate) {
  PutChunks(0, 40);
  SealAll();
  const absl::Duration start = store_.clock().Monotonic();
  ASSERT_OK(sweep_->sweeper().VerifyPacks(
      store_.call(), store_.datastore(),
      {.packs = sweep_->PackNumbers(), .read_bytes_per_second = 1000},
      [](const VerifiedPack&) {}));
  EXPECT_GT(store_.clock().Monotonic() - start, absl::Seconds(30));
}

}  // namespace
}  // namespace cairn::chunk_storage
