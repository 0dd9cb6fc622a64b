#include "services/chunk_storage/engine/chunk_repository.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_scanner.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/repository_harness.h"

// What ChunkRepository adds to chunk_client_contract.h: packs, their life,
// and what happens when the disk does not do as it is told.
namespace cairn::chunk_storage {
namespace {

using Then = FaultyFileSystem::Then;
using ::testing::AllOf;
using ::testing::HasSubstr;

Record Sized(int number, size_t size) {
  std::string plain = absl::StrCat("record ", number, " ");
  plain.resize(std::max(size, plain.size()), 'r');
  return RawChunk(plain);
}

class ChunkRepositoryTest : public ::testing::Test {
 protected:
  ChunkRepositoryTest() { EXPECT_OK(harness_.Start()); }

  // Puts `count` records of `size` bytes, one call each.
  std::vector<Record> PutMany(int count, size_t size) {
    std::vector<Record> records;
    for (int i = 0; i < count; ++i) {
      records.push_back(Sized(i, size));
      EXPECT_OK(harness_.Put({records.back()}));
    }
    return records;
  }
  void ExpectAllReadable(const std::vector<Record>& records) {
    for (const Record& record : records) {
      EXPECT_TRUE(harness_.IsPresent(record.key));
      EXPECT_THAT(harness_.Read(record.key), IsOkAndHolds(record.payload));
    }
  }
  // Packs get their footers; the rows that say so are lost.
  void StopWithoutRows() {
    harness_.kv().FailCommitsFrom(1, absl::UnavailableError("power cut"));
    EXPECT_FALSE(harness_.Stop().ok());
    harness_.kv().Recover();
  }
  ChunkRepository& repository() { return harness_.repository(); }

  RepositoryHarness harness_;
};

TEST_F(ChunkRepositoryTest, AFullPackIsSealedAndAnotherOpened) {
  const std::vector<Record> records = PutMany(40, 3000);
  harness_.test_executor().Run();
  const StoreStatistics statistics = harness_.Statistics();
  EXPECT_EQ(statistics.pack_count, 5u);  // 9 records fit 32 KiB
  EXPECT_EQ(statistics.open_pack_count, 1u);
  EXPECT_EQ(statistics.record_count, 40u);
  EXPECT_EQ(harness_.metrics().sealed_packs.Value(), 4);
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, APackIsFullByItsNumberOfRecordsToo) {
  const std::vector<Record> records = PutMany(65, 20);
  EXPECT_EQ(harness_.Statistics().pack_count, 2u);
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, OneCallMayFillSeveralPacks) {
  std::vector<Record> records;
  for (int i = 0; i < 60; ++i) records.push_back(Sized(i, 3000));
  ASSERT_OK_AND_ASSIGN(const PutReply reply, harness_.Put(records));
  EXPECT_EQ(reply.new_records, 60u);
  EXPECT_EQ(harness_.Statistics().pack_count, 7u);
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, ARecordLongerThanAPackGetsOneOfItsOwn) {
  const Record small = Sized(1, 10);
  const Record large = Sized(2, 100000);
  ASSERT_OK(harness_.Put({small, large, Sized(3, 10)}));
  EXPECT_EQ(harness_.Statistics().pack_count, 3u);
  ExpectAllReadable({small, large});
}

TEST_F(ChunkRepositoryTest, PacksThatNobodySealedInTimeAreSealedByCallers) {
  // The executor never runs here except where a caller waits.
  const std::vector<Record> records = PutMany(300, 3000);
  EXPECT_LE(harness_.Statistics().open_pack_count, 3u + PackSet::kMaxWaiting);
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, AnOrderlyStopLeavesNothingToRecover) {
  const std::vector<Record> records = PutMany(25, 3000);
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.metrics().recovered_packs.Value(), 0);
  EXPECT_EQ(harness_.Statistics().record_count, 25u);
  EXPECT_EQ(harness_.Statistics().open_pack_count, 0u);
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, AfterAKillRecoverySealsWhatWasOpen) {
  const std::vector<Record> records = PutMany(5, 3000);
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.metrics().recovered_packs.Value(), 1);
  EXPECT_EQ(harness_.metrics().recovered_records.Value(), 5);
  ExpectAllReadable(records);
  // It is not appended to again, and not recovered again.
  const std::vector<std::string> before = harness_.PackPaths();
  ASSERT_OK(harness_.Put({Sized(100, 10)}));
  EXPECT_EQ(harness_.PackPaths().size(), before.size() + 1);
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.metrics().recovered_packs.Value(), 2);
  EXPECT_EQ(harness_.Statistics().record_count, 6u);
}

TEST_F(ChunkRepositoryTest, ADuplicateIsKnownAcrossARestart) {
  const Record record = Sized(1, 100);
  ASSERT_OK(harness_.Put({record}));
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  ASSERT_OK_AND_ASSIGN(const PutReply reply, harness_.Put({record}));
  EXPECT_EQ(reply.duplicate_records, 1u);
  EXPECT_EQ(harness_.Statistics().record_count, 1u);
}

TEST_F(ChunkRepositoryTest, SessionsWriteToPacksOfTheirOwnWhileThereAreSome) {
  for (const uint8_t session : {1, 2, 3}) {
    ASSERT_OK(repository().Put(harness_.call(), harness_.Session(session),
                               std::vector<Record>{Sized(session, 10)}));
  }
  EXPECT_EQ(harness_.Statistics().open_pack_count, 2u);
  ASSERT_OK(harness_.Put({RawRecord(RecordKind::kPage, "page")}));
  EXPECT_EQ(harness_.Statistics().open_pack_count, 3u);
}

TEST_F(ChunkRepositoryTest, APinRaisesTheTouchAndARestartForgetsIt) {
  const Record record = Sized(1, 10);
  ASSERT_OK(harness_.Put({record}));
  const auto touch = [&]() {
    return repository().TouchOf(harness_.call(), harness_.datastore(),
                                record.key);
  };
  EXPECT_THAT(touch(), IsOkAndHolds(5u));
  ASSERT_OK(repository().Pin(harness_.call(), harness_.Session(2, 8),
                             std::span(&record.key, 1)));
  EXPECT_THAT(touch(), IsOkAndHolds(8u));
  ASSERT_OK(repository().Put(harness_.call(), harness_.Session(3, 9),
                             std::vector<Record>{record}));
  EXPECT_THAT(touch(), IsOkAndHolds(9u));
  ASSERT_OK(repository().Pin(harness_.call(), harness_.Session(2, 6),
                             std::span(&record.key, 1)));
  EXPECT_THAT(touch(), IsOkAndHolds(9u));
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  EXPECT_THAT(touch(), IsOkAndHolds(0u));  // not known, and no floor yet
  ASSERT_OK(repository().ShowToken(harness_.call(), harness_.datastore(),
                                   {.token = 1, .epoch = 12}));
  EXPECT_THAT(touch(), IsOkAndHolds(12u));
}

TEST_F(ChunkRepositoryTest, AfterASyncTheNextRecordStartsABlock) {
  ASSERT_OK(harness_.Put({Sized(1, 10), Sized(2, 10)}));
  ASSERT_OK(harness_.Sync());
  ASSERT_OK(harness_.Put({Sized(3, 10)}));
  const std::string path = harness_.PackPaths().at(0);
  ASSERT_OK_AND_ASSIGN(const auto file, harness_.disk().OpenForRead(path));
  ASSERT_OK_AND_ASSIGN(const Uuid pack,
                       Uuid::Parse(path.substr(path.size() - 41, 36)));
  PackScanner scanner(pack, *file->Size(), [&](uint64_t at, size_t length) {
    return file->ReadAt(at, length);
  });
  std::vector<uint64_t> offsets;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const auto entry, scanner.Next());
    if (!entry.has_value()) break;
    offsets.push_back(entry->offset);
  }
  EXPECT_THAT(offsets, ::testing::ElementsAre(4096, 4096 + 192, 8192));
}

TEST_F(ChunkRepositoryTest, ASyncWithNothingNewCostsNothing) {
  ASSERT_OK(harness_.Put({Sized(1, 10)}));
  ASSERT_OK(harness_.Sync());
  const uint64_t before = harness_.files().calls(FileOperation::kSync);
  ASSERT_OK(harness_.Sync());
  EXPECT_EQ(harness_.files().calls(FileOperation::kSync), before);
}

TEST_F(ChunkRepositoryTest, OneSessionsSyncCoversWhatAnotherStored) {
  const Record record = Sized(1, 10);
  ASSERT_OK(repository().Put(harness_.call(), harness_.Session(2),
                             std::vector<Record>{record}));
  ASSERT_TRUE(harness_.IsPresent(record.key));  // told session 1
  ASSERT_OK(harness_.Sync());
  harness_.PowerCut();
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record});
}

TEST_F(ChunkRepositoryTest, TheFirstFailedSyncIsFatalAndNotRepeated) {
  const Record record = Sized(1, 10);
  ASSERT_OK(harness_.Put({record}));
  harness_.files().FailCall(FileOperation::kSync, 1,
                            absl::InternalError("EIO"));
  EXPECT_THAT(harness_.Sync(), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_EQ(harness_.fatal_errors().errors().size(), 1u);
  EXPECT_THAT(harness_.fatal_errors().errors()[0],
              StatusIs(absl::StatusCode::kInternal, HasSubstr("pack")));
  const uint64_t syncs = harness_.files().calls(FileOperation::kSync);
  EXPECT_THAT(harness_.Sync(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(harness_.Put({Sized(2, 10)}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(repository().Pin(harness_.call(), harness_.Session(1),
                               std::span(&record.key, 1)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(harness_.Read(record.key),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(repository().Close(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(repository().Health(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(harness_.files().calls(FileOperation::kSync), syncs);
  EXPECT_EQ(harness_.fatal_errors().errors().size(), 1u);
}

TEST_F(ChunkRepositoryTest, AFailedDirectorySyncIsFatal) {
  ASSERT_OK(harness_.Put({Sized(1, 10)}));
  harness_.files().FailCall(FileOperation::kSyncDirectory, 1,
                            absl::InternalError("EIO"));
  EXPECT_THAT(harness_.Sync(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(harness_.fatal_errors().errors().size(), 1u);
}

TEST_F(ChunkRepositoryTest, AFailedCommitOfRowsIsFatal) {
  harness_.kv().FailCommitsFrom(1, absl::InternalError("background error"));
  EXPECT_THAT(repository().ShowToken(harness_.call(), harness_.datastore(),
                                     {.token = 4, .epoch = 4}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(harness_.fatal_errors().errors().size(), 1u);
  EXPECT_THAT(harness_.Put({Sized(2, 10)}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ChunkRepositoryTest, FullRowsKeepAPackUnsealedUntilThereIsRoom) {
  harness_.kv().FailCommitsFrom(
      1,
      WithReason(absl::ResourceExhaustedError("full"), reason::kStorageFull));
  const std::vector<Record> records = PutMany(15, 3000);
  harness_.test_executor().Run();
  EXPECT_EQ(harness_.Statistics().open_pack_count, 2u);
  EXPECT_THAT(harness_.fatal_errors().errors(), ::testing::IsEmpty());
  ASSERT_OK(harness_.Sync());
  ExpectAllReadable(records);
  harness_.kv().Recover();
  for (int i = 100; i < 110; ++i) ASSERT_OK(harness_.Put({Sized(i, 3000)}));
  harness_.test_executor().Run();
  EXPECT_EQ(harness_.Statistics().open_pack_count, 1u);
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, FullRowsRefusePutsBeforePacksPileUp) {
  harness_.kv().FailCommitsFrom(
      1,
      WithReason(absl::ResourceExhaustedError("full"), reason::kStorageFull));
  absl::Status put;
  for (int i = 0; i < 300 && put.ok(); ++i) {
    put = harness_.Put({Sized(i, 3000)}).status();
  }
  EXPECT_THAT(put, HasReasonCode(reason::kStorageFull));
  EXPECT_LE(harness_.Statistics().open_pack_count, 3u + PackSet::kMaxWaiting);
  harness_.kv().Recover();
  EXPECT_OK(harness_.Put({Sized(1000, 3000)}));
}

TEST_F(ChunkRepositoryTest, RefusesPutsBeforeTheDiskIsFull) {
  const Record record = Sized(1, 10);
  ASSERT_OK(harness_.Put({record}));
  harness_.disk().SetFreeBytes((32 << 10) + 100);
  const auto put = harness_.Put({Sized(2, 10)});
  EXPECT_THAT(put, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(put, HasReasonCode(reason::kStorageFull));
  EXPECT_EQ(harness_.metrics().gate_closed.Value(), 1);
  // What is there can be read, pinned and put again.
  ExpectAllReadable({record});
  EXPECT_OK(harness_.Put({record}));
  EXPECT_OK(harness_.Sync());
  harness_.disk().SetFreeBytes(1 << 20);
  EXPECT_OK(harness_.Put({Sized(2, 10)}));
  EXPECT_EQ(harness_.metrics().gate_closed.Value(), 0);
}

TEST(ChunkRepositoryReserveTest, EventsMayUseTheReserve) {
  RepositoryOptions options = SmallPacks();
  options.reserve_bytes = 1 << 20;
  RepositoryHarness harness(options);
  ASSERT_OK(harness.Start());
  harness.disk().SetFreeBytes(options.pack_bytes + (200 << 10));
  EXPECT_THAT(harness.Put({RawChunk("c")}),
              HasReasonCode(reason::kStorageFull));
  EXPECT_OK(harness.repository().Append(
      harness.call(), harness.datastore(),
      std::vector<Record>{RawRecord(RecordKind::kEvent, "forget", 3)}));
  harness.disk().SetFreeBytes(options.pack_bytes);
  EXPECT_THAT(harness.repository().Append(harness.call(), harness.datastore(),
                                          std::vector<Record>{RawRecord(
                                              RecordKind::kEvent, "more", 4)}),
              HasReasonCode(reason::kStorageFull));
}

TEST_F(ChunkRepositoryTest, AWriteThatMeetsAFullDiskFailsAlone) {
  const std::vector<Record> records = PutMany(3, 1000);
  const Record torn = Sized(50, 1000);
  harness_.files().FailCall(
      FileOperation::kWrite, 1,
      WithReason(absl::ResourceExhaustedError("ENOSPC"), reason::kStorageFull));
  EXPECT_THAT(harness_.Put({torn}), HasReasonCode(reason::kStorageFull));
  EXPECT_FALSE(harness_.IsPresent(torn.key));
  EXPECT_THAT(harness_.fatal_errors().errors(), ::testing::IsEmpty());
  // The pack takes no more; the next put goes to another one.
  ASSERT_OK(harness_.Put({torn}));
  EXPECT_EQ(harness_.Statistics().pack_count, 2u);
  ASSERT_OK(harness_.Sync());
  harness_.PowerCut();
  ASSERT_OK(harness_.Start());
  ExpectAllReadable(records);
  ExpectAllReadable({torn});
}

TEST_F(ChunkRepositoryTest, TornBytesStayBetweenTheRecordsAndTheFooter) {
  const std::vector<Record> records = PutMany(3, 1000);
  harness_.files().FailCall(FileOperation::kWrite, 1,
                            absl::ResourceExhaustedError("ENOSPC"));
  EXPECT_FALSE(harness_.Put({Sized(50, 1000)}).ok());
  harness_.Tear(harness_.PackPaths().at(0), std::string(7777, 't'));
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  ASSERT_OK_AND_ASSIGN(const RebuildReport report,
                       harness_.Rebuild(SurveyDepth::kPayloads));
  EXPECT_FALSE(report.lost());  // the footer names all there was
  ASSERT_OK(harness_.Start());
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, APackIsSealedWithoutAFooterIfThereIsNoRoom) {
  const std::vector<Record> records = PutMany(3, 1000);
  harness_.files().FailCall(FileOperation::kWrite, 1,
                            absl::ResourceExhaustedError("ENOSPC"));
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.metrics().recovered_packs.Value(), 0);
  ExpectAllReadable(records);
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  ASSERT_OK(harness_.Rebuild());
  ASSERT_OK(harness_.Start());
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, DamageBeforeThePackIsSealedHeals) {
  const Record record = Sized(1, 1000);
  ASSERT_OK(harness_.Put({record, Sized(2, 1000)}));
  harness_.Damage(harness_.datastore(), record.key);
  EXPECT_THAT(harness_.Read(record.key), HasReasonCode(reason::kRecordDamaged));
  EXPECT_FALSE(harness_.IsPresent(record.key));
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);
  ASSERT_OK(harness_.Put({record}));
  ExpectAllReadable({record});
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record});
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_EQ(harness_.Statistics().record_count, 2u);
}

TEST_F(ChunkRepositoryTest, ABadMarkOutlivesTheSealAndTheRestart) {
  const Record record = Sized(1, 1000);
  ASSERT_OK(harness_.Put({record}));
  harness_.Damage(harness_.datastore(), record.key);
  EXPECT_THAT(harness_.Read(record.key), HasReasonCode(reason::kRecordDamaged));
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  EXPECT_FALSE(harness_.IsPresent(record.key));
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);
}

// The footer is written, its row is not: the footer names the damaged record
// as it names any other.
TEST_F(ChunkRepositoryTest, ABadMarkOutlivesRecoveryFromAFooter) {
  const Record record = Sized(1, 1000);
  const Record other = Sized(2, 1000);
  ASSERT_OK(harness_.Put({record, other}));
  harness_.Damage(harness_.datastore(), record.key);
  EXPECT_THAT(harness_.Read(record.key), HasReasonCode(reason::kRecordDamaged));
  StopWithoutRows();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.metrics().recovered_records.Value(), 2);
  EXPECT_FALSE(harness_.IsPresent(record.key));
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);
  ExpectAllReadable({other});
  ASSERT_OK(harness_.Put({record}));
  ExpectAllReadable({record});
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record, other});
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_EQ(harness_.Statistics().record_count, 2u);
}

TEST_F(ChunkRepositoryTest, RecoveryFromAFooterFindsTheHealedCopy) {
  const Record record = Sized(1, 1000);
  ASSERT_OK(harness_.Put({record}));
  harness_.Damage(harness_.datastore(), record.key);
  EXPECT_THAT(harness_.Read(record.key), HasReasonCode(reason::kRecordDamaged));
  ASSERT_OK(harness_.Put({record}));
  StopWithoutRows();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.metrics().recovered_records.Value(), 2);
  ExpectAllReadable({record});
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_EQ(harness_.Statistics().record_count, 1u);
}

TEST_F(ChunkRepositoryTest, ABadMarkOfASealedRecordSurvivesAPowerCut) {
  const Record record = Sized(1, 1000);
  ASSERT_OK(harness_.Put({record}));
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  harness_.Damage(harness_.datastore(), record.key);
  EXPECT_THAT(harness_.Read(record.key), HasReasonCode(reason::kRecordDamaged));
  harness_.PowerCut();
  ASSERT_OK(harness_.Start());
  EXPECT_FALSE(harness_.IsPresent(record.key));
  ASSERT_OK(harness_.Put({record}));
  ExpectAllReadable({record});
  EXPECT_EQ(harness_.Statistics().record_count, 1u);
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record});
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_EQ(harness_.Statistics().record_count, 1u);
}

TEST_F(ChunkRepositoryTest, RecoveryCountsDamageAndLeavesItOut) {
  const std::vector<Record> records = PutMany(3, 1000);
  harness_.Damage(harness_.datastore(), records[1].key);
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  EXPECT_FALSE(harness_.IsPresent(records[1].key));
  ExpectAllReadable({records[0], records[2]});
  EXPECT_EQ(harness_.metrics().recovered_damaged_bytes.Value(),
            RecordExtent(1000));
}

TEST_F(ChunkRepositoryTest, LosingTheRowsLosesNoRecord) {
  const std::vector<Record> records = PutMany(25, 3000);
  ASSERT_OK_AND_ASSIGN(
      const uint64_t sequence,
      repository().Append(
          harness_.call(), harness_.datastore(),
          std::vector<Record>{RawRecord(RecordKind::kManifest, "m", 17)}));
  EXPECT_EQ(sequence, 17u);
  harness_.test_executor().Run();
  harness_.Kill();
  harness_.LoseRows();
  ASSERT_OK(harness_.Rebuild());
  ASSERT_OK(harness_.Start());
  ExpectAllReadable(records);
  EXPECT_EQ(harness_.Statistics().record_count, 26u);
  EXPECT_EQ(harness_.Statistics().sequence, 17u);
}

TEST_F(ChunkRepositoryTest, PacksWithoutRowsAreNotServedAsAnEmptyStore) {
  const std::vector<Record> records = PutMany(3, 1000);
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  EXPECT_THAT(harness_.Start(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("cairn-chunk-storage rebuild"),
                             HasSubstr(harness_.datastore().uuid.ToString()),
                             HasSubstr("1 packs"), HasSubstr("/store/db"))));
  ASSERT_OK(harness_.Rebuild());
  ASSERT_OK(harness_.Start());
  ExpectAllReadable(records);
}

TEST_F(ChunkRepositoryTest, ADatastoreWithoutPacksNeedsNoRow) {
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.Statistics().pack_count, 0u);
}

TEST_F(ChunkRepositoryTest, APackOfAnotherDatastoreIsLeftAlone) {
  const DatastoreRef other = {Uuid{{0xee}}, 1};
  ASSERT_OK(repository().EnsureDatastore(harness_.call(), other));
  const Record record = Sized(1, 10);
  ASSERT_OK(repository().Put(harness_.call(), {other, Uuid{{1}}, 5},
                             std::vector<Record>{record}));
  harness_.Kill();
  const std::string path = harness_.PackPaths(other).at(0);
  const std::string moved =
      absl::StrCat("/data/datastores/", harness_.datastore().uuid.ToString(),
                   "/packs/", path.substr(path.size() - 41));
  ASSERT_OK(harness_.disk().Rename(path, moved));
  ASSERT_OK(harness_.Start());
  EXPECT_FALSE(harness_.IsPresent(record.key));
  EXPECT_EQ(harness_.Statistics().pack_count, 0u);
}

TEST_F(ChunkRepositoryTest, AMissingPackFileIsDamageThatHeals) {
  const Record record = Sized(1, 10);
  ASSERT_OK(harness_.Put({record}));
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.disk().Remove(harness_.PackPaths().at(0)));
  ASSERT_OK(harness_.Start());
  EXPECT_THAT(harness_.Read(record.key),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no file")));
  ASSERT_OK(harness_.Put({record}));
  ExpectAllReadable({record});
}

// What a backup is told to be present must be there to be restored.
TEST_F(ChunkRepositoryTest, ABackupHealsWhatAMissingPackFileHeld) {
  const Record record = Sized(1, 10);
  const Record other = Sized(2, 10);
  ASSERT_OK(harness_.Put({record, other}));
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.disk().Remove(harness_.PackPaths().at(0)));
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.Statistics().damaged_count, 2u);
  EXPECT_FALSE(harness_.IsPresent(record.key));
  ASSERT_OK_AND_ASSIGN(const PutReply put, harness_.Put({record}));
  EXPECT_EQ(put.new_records, 1u);
  ExpectAllReadable({record});
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record});
  EXPECT_FALSE(harness_.IsPresent(other.key));
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);
  EXPECT_EQ(harness_.Statistics().record_count, 2u);
}

TEST_F(ChunkRepositoryTest, TheLossMarkIsDrawnAnewWhenAStartFindsALoss) {
  std::set<uint64_t> marks = {harness_.Statistics().loss_mark};
  EXPECT_FALSE(marks.contains(0));
  // Nothing is lost by a kill, nor by a power cut of what was synced.
  const std::vector<Record> records = PutMany(3, 1000);
  ASSERT_OK(harness_.Sync());
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  harness_.PowerCut();
  ASSERT_OK(harness_.Start());
  ExpectAllReadable(records);
  EXPECT_TRUE(marks.contains(harness_.Statistics().loss_mark));
  // Damage that a recovery skips: no row is left of the record.
  const std::vector<Record> more = {Sized(50, 1000), Sized(51, 1000)};
  ASSERT_OK(harness_.Put(more));
  harness_.Damage(harness_.datastore(), more[0].key);
  harness_.Kill();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_TRUE(marks.insert(harness_.Statistics().loss_mark).second);
  // It lasts.
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  EXPECT_TRUE(marks.contains(harness_.Statistics().loss_mark));
  // A pack that is gone.
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.disk().Remove(harness_.PackPaths().at(0)));
  ASSERT_OK(harness_.Start());
  EXPECT_TRUE(marks.insert(harness_.Statistics().loss_mark).second);
  // Rows that were built anew know nothing of a pack that is gone.
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  ASSERT_OK(harness_.Rebuild());
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);  // not of that pack
  EXPECT_TRUE(marks.insert(harness_.Statistics().loss_mark).second);
  EXPECT_FALSE(marks.contains(0));
}

TEST_F(ChunkRepositoryTest, NoDamageIsKnownUnderTheLossMarkOfBefore) {
  const Record record = Sized(1, 1000);
  ASSERT_OK(harness_.Put({record}));
  ASSERT_OK(harness_.Sync());
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  const uint64_t before = harness_.Statistics().loss_mark;
  harness_.Damage(harness_.datastore(), record.key);
  // The rows stop at the second commit: the damage itself.
  harness_.CrashAtCommit(2);
  EXPECT_FALSE(harness_.Read(record.key).ok());
  harness_.PowerCut();
  ASSERT_OK(harness_.Start());
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_NE(harness_.Statistics().loss_mark, before);
}

TEST_F(ChunkRepositoryTest, APackFileThatComesBackIsUsedAgain) {
  const Record record = Sized(1, 10);
  ASSERT_OK(harness_.Put({record}));
  ASSERT_OK(harness_.Stop());
  const std::string path = harness_.PackPaths().at(0);
  ASSERT_OK(harness_.disk().Rename(path, "/data/away"));
  ASSERT_OK(harness_.Start());
  EXPECT_THAT(harness_.Read(record.key),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no file")));
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);
  harness_.Kill();
  ASSERT_OK(harness_.disk().Rename("/data/away", path));
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record});
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
}

TEST_F(ChunkRepositoryTest, HostileFilesAmongThePacksStopNothing) {
  const Record record = Sized(1, 10);
  ASSERT_OK(harness_.Put({record}));
  harness_.Kill();
  std::mt19937_64 random(TestSeed());
  for (uint8_t i = 0; i < 20; ++i) {
    const std::string path =
        absl::StrCat("/data/datastores/", harness_.datastore().uuid.ToString(),
                     "/packs/", Uuid{{0xba, i}}.ToString(), ".pack");
    ASSERT_OK_AND_ASSIGN(const auto file, harness_.disk().Create(path));
    std::string bytes(random() % 20000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 2 == 0) {
      bytes += EncodePackFooter(Uuid{{0xba, i}}, 1 << 30, {}).substr(0, 40);
    }
    const std::string_view pieces[] = {bytes};
    ASSERT_OK(file->WriteAt(0, pieces));
  }
  ASSERT_OK(harness_.Start());
  ExpectAllReadable({record});
  EXPECT_EQ(harness_.Statistics().record_count, 1u);
}

TEST_F(ChunkRepositoryTest, ReadsInAnyOrderThroughASmallWindow) {
  const std::vector<Record> records = PutMany(64, 3000);
  std::vector<size_t> order;
  for (size_t i = 0; i < 500; ++i) order.push_back(i * 37 % records.size());
  std::vector<RecordKey> keys;
  for (const size_t i : order) keys.push_back(records[i].key);
  ASSERT_OK_AND_ASSIGN(
      const auto stream,
      repository().Get(harness_.call(), harness_.datastore(), keys));
  for (const size_t i : order) {
    ASSERT_OK_AND_ASSIGN(const auto record, stream->Next());
    ASSERT_TRUE(record.has_value());
    ASSERT_EQ(record->payload, records[i].payload);
  }
  ASSERT_OK_AND_ASSIGN(const auto end, stream->Next());
  EXPECT_FALSE(end.has_value());
}

TEST_F(ChunkRepositoryTest, ReadsAheadNoFurtherThanTheWindow) {
  const std::vector<Record> records = PutMany(64, 3000);
  std::vector<RecordKey> keys;
  for (const Record& record : records) keys.push_back(record.key);
  ASSERT_OK_AND_ASSIGN(
      const auto stream,
      repository().Get(harness_.call(), harness_.datastore(), keys));
  ASSERT_OK(stream->Next());
  harness_.test_executor().Run();
  // 16 KiB hold five records of 3000 bytes.
  EXPECT_EQ(harness_.metrics().read_records.Value(), 5);
}

TEST_F(ChunkRepositoryTest, AStreamMayBeDroppedHalfWay) {
  const std::vector<Record> records = PutMany(20, 3000);
  std::vector<RecordKey> keys;
  for (const Record& record : records) keys.push_back(record.key);
  {
    ASSERT_OK_AND_ASSIGN(
        const auto stream,
        repository().Get(harness_.call(), harness_.datastore(), keys));
    ASSERT_OK(stream->Next());
  }
  harness_.test_executor().Run();
  EXPECT_EQ(harness_.metrics().read_records.Value(), 1);
  ASSERT_OK(harness_.Stop());
}

TEST_F(ChunkRepositoryTest, OptionsOutOfRangeAreNamed) {
  RepositoryOptions options;
  EXPECT_OK(options.Validate());
  options.open_packs = 0;
  EXPECT_THAT(options.Validate(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("open_packs")));
  options = RepositoryOptions();
  options.pack_records = kMaxPackRecords + 1;
  EXPECT_THAT(options.Validate(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("pack_records")));
}

}  // namespace
}  // namespace cairn::chunk_storage
