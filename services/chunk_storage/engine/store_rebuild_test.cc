#include "services/chunk_storage/engine/store_rebuild.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_format.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/engine/repository_harness.h"

namespace cairn::chunk_storage {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

Record Chunk(int number, size_t size = 1000) {
  std::string plain = absl::StrCat("record ", number, " ");
  plain.resize(std::max(size, plain.size()), 'r');
  return RawChunk(plain);
}

class StoreRebuildTest : public ::testing::Test {
 protected:
  StoreRebuildTest() { EXPECT_OK(harness_.Start()); }

  void PutAll(const std::vector<Record>& records) {
    for (const Record& record : records) ASSERT_OK(harness_.Put({record}));
  }
  absl::Status Append(Record record) {
    return harness_.repository()
        .Append(harness_.call(), harness_.datastore(),
                std::vector<Record>{std::move(record)})
        .status();
  }
  RebuiltDatastore Rebuild(SurveyDepth depth = SurveyDepth::kPayloads) {
    const auto report = harness_.Rebuild(depth);
    EXPECT_OK(report);
    if (!report.ok() || report->datastores.size() != 1) {
      ADD_FAILURE() << "not one datastore";
      return {};
    }
    lost_ = report->lost();
    return report->datastores[0];
  }
  void ExpectReadable(const std::vector<Record>& records) {
    for (const Record& record : records) {
      EXPECT_THAT(harness_.Read(record.key), IsOkAndHolds(record.payload));
    }
  }

  RepositoryHarness harness_{SmallPacks(), TestSeed()};
  bool lost_ = false;
};

TEST_F(StoreRebuildTest, BringsEveryRecordBackAndSaysWhatItFound) {
  std::vector<Record> records;
  for (int i = 0; i < 30; ++i) records.push_back(Chunk(i, 3000));
  records.push_back(RawRecord(RecordKind::kPage, "page"));
  PutAll(records);
  ASSERT_OK(Append(RawRecord(RecordKind::kManifest, "m", 17)));
  ASSERT_OK(Append(RawRecord(RecordKind::kEvent, "e", 18)));
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  const RebuiltDatastore found = Rebuild();
  EXPECT_FALSE(lost_);
  EXPECT_EQ(found.packs, harness_.PackPaths().size());
  EXPECT_EQ(found.records, (CountsByKind{0, 30, 1, 1, 1}));
  EXPECT_EQ(found.duplicate_records, 0u);
  EXPECT_EQ(found.row.sequence, 18u);
  EXPECT_EQ(found.row.highest_epoch, 5u);
  EXPECT_EQ(found.row.ref, (DatastoreRef{harness_.datastore().uuid, 0}));
  ASSERT_OK(harness_.Start());  // the first index that asks is believed
  ExpectReadable(records);
  ASSERT_OK_AND_ASSIGN(const StoreState state,
                       harness_.repository().EnsureDatastore(
                           harness_.call(), harness_.datastore()));
  EXPECT_EQ(state.sequence, 18u);
  EXPECT_EQ(state.highest_epoch, 5u);
}

TEST_F(StoreRebuildTest, TakesGenerationAndTokenFromTheFormerRows) {
  PutAll({Chunk(1)});
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  const StoredDatastore former = {
      .number = 77, .ref = harness_.datastore(), .token = 9, .sequence = 40};
  ASSERT_OK(harness_.Rebuild(SurveyDepth::kPayloads, {{former}}));
  ASSERT_OK(harness_.Start());
  EXPECT_THAT(
      harness_.repository().ShowToken(
          harness_.call(), harness_.datastore(),
          {.token = 8, .epoch = 8, .sequence = ~uint64_t{0}}),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("stale")));
  EXPECT_EQ(harness_.Statistics().sequence, 40u);
  EXPECT_THAT(harness_.repository().EnsureDatastore(
                  harness_.call(), {harness_.datastore().uuid, 2}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(StoreRebuildTest, DamageIsQuarantinedNamedAndHealed) {
  const std::vector<Record> records = {Chunk(1), Chunk(2), Chunk(3)};
  PutAll(records);
  ASSERT_OK(harness_.Stop());
  harness_.Damage(harness_.datastore(), records[1].key);
  harness_.LoseRows();
  const RebuiltDatastore found = Rebuild();
  EXPECT_TRUE(lost_);
  EXPECT_EQ(found.lost_records, 1u);
  EXPECT_EQ(found.damaged_copies, 1u);
  EXPECT_EQ(found.unnamed_bytes, 0u);
  EXPECT_EQ(found.records[1], 2u);
  ASSERT_THAT(found.lost, SizeIs(1));
  EXPECT_EQ(found.lost[0].key, records[1].key);
  EXPECT_THAT(found.lost[0].why, HasSubstr(" at 5248: "));
  ASSERT_OK(harness_.Start());
  ExpectReadable({records[0], records[2]});
  EXPECT_THAT(harness_.Read(records[1].key),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(harness_.IsPresent(records[1].key));
  EXPECT_EQ(harness_.Statistics().damaged_count, 1u);
  PutAll({records[1]});
  ASSERT_OK(harness_.Stop());
  ASSERT_OK(harness_.Start());
  ExpectReadable(records);
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
  EXPECT_EQ(harness_.Statistics().record_count, 3u);
}

TEST_F(StoreRebuildTest, AnyCopyThatProvesWillDo) {
  const std::vector<Record> records = {Chunk(1), Chunk(2)};
  PutAll(records);
  ASSERT_OK(harness_.Stop());
  harness_.Damage(harness_.datastore(), records[0].key);
  ASSERT_OK(harness_.Start());
  // Found damaged, and healed into another pack.
  EXPECT_FALSE(harness_.Read(records[0].key).ok());
  PutAll({records[0]});
  ASSERT_OK(harness_.Stop());
  harness_.LoseRows();
  const RebuiltDatastore found = Rebuild();
  EXPECT_FALSE(lost_);
  EXPECT_EQ(found.damaged_copies, 1u);
  EXPECT_EQ(found.lost_records, 0u);
  EXPECT_EQ(found.duplicate_records, 0u);
  EXPECT_EQ(found.records[1], 2u);
  ASSERT_OK(harness_.Start());
  ExpectReadable(records);
  EXPECT_EQ(harness_.Statistics().damaged_count, 0u);
}

TEST_F(StoreRebuildTest, PacksWithAFooterGoBeforeOthers) {
  PutAll({Chunk(1)});
  ASSERT_OK(harness_.Stop());
  const std::string path = harness_.PackPaths().at(0);
  // A copy without its footer, under a name that sorts before.
  const Uuid first = {{0, 0, 1}};
  const Record record = Chunk(1);
  const RecordHeader header = {.key = record.key,
                               .plain_length = 1000,
                               .stored_length = 1000,
                               .epoch = 99,
                               .payload_digest = record.payload_digest};
  std::string bytes =
      EncodePackHeader({first, harness_.datastore().uuid, PackClass::kData});
  bytes += EncodeRecordHeader(header, first, kPackBlockBytes) + record.payload;
  ASSERT_OK_AND_ASSIGN(const auto copy, harness_.disk().Create(absl::StrCat(
                                            path.substr(0, path.size() - 41),
                                            first.ToString(), ".pack")));
  const std::string_view pieces[] = {bytes};
  ASSERT_OK(copy->WriteAt(0, pieces));
  harness_.LoseRows();
  const RebuiltDatastore found = Rebuild();
  EXPECT_EQ(found.duplicate_records, 1u);
  EXPECT_EQ(found.records[1], 1u);
  EXPECT_EQ(found.row.highest_epoch, 99u);
  // The place is in the pack with the footer: it reads without the other.
  ASSERT_OK(harness_.disk().Remove(absl::StrCat(
      path.substr(0, path.size() - 41), first.ToString(), ".pack")));
  ASSERT_OK(harness_.Start());
  ExpectReadable({record});
}

TEST_F(StoreRebuildTest, DamageThatNobodyNamesIsALossToo) {
  PutAll({Chunk(1)});
  harness_.Kill();
  harness_.Tear(harness_.PackPaths().at(0), std::string(777, 't'));
  harness_.LoseRows();
  const RebuiltDatastore found = Rebuild();
  EXPECT_TRUE(lost_);
  EXPECT_EQ(found.unnamed_bytes, 777u);
  EXPECT_THAT(found.unnamed_in, SizeIs(1));
  EXPECT_EQ(found.lost_records, 0u);
}

TEST_F(StoreRebuildTest, FootersMayBeBelievedForSpeed) {
  const std::vector<Record> records = {Chunk(1), Chunk(2)};
  PutAll(records);
  ASSERT_OK(harness_.Stop());
  harness_.Damage(harness_.datastore(), records[1].key);
  harness_.LoseRows();
  const RebuiltDatastore found = Rebuild(SurveyDepth::kFooter);
  EXPECT_FALSE(lost_);
  EXPECT_EQ(found.records[1], 2u);
  ASSERT_OK(harness_.Start());
  ExpectReadable({records[0]});
  EXPECT_THAT(harness_.Read(records[1].key),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(StoreRebuildTest, ASecondRunFindsTheSame) {
  const std::vector<Record> records = {Chunk(1), Chunk(2), Chunk(3)};
  PutAll(records);
  ASSERT_OK(harness_.Stop());
  harness_.Damage(harness_.datastore(), records[1].key);
  harness_.LoseRows();
  const RebuiltDatastore first = Rebuild();
  const RebuiltDatastore again = Rebuild();
  EXPECT_EQ(again.packs_done_before, first.packs);
  EXPECT_EQ(again.packs, first.packs);
  EXPECT_EQ(again.records, first.records);
  EXPECT_EQ(again.lost_records, first.lost_records);
  EXPECT_EQ(again.damaged_copies, first.damaged_copies);
  EXPECT_EQ(again.damaged_bytes, first.damaged_bytes);
  EXPECT_EQ(again.row.sequence, first.row.sequence);
}

// Cut short at each commit, with power lost: the next run ends as one that
// was not cut short.
TEST_F(StoreRebuildTest, AKillAtAnyCommitIsMadeUpForByTheNextRun) {
  std::vector<Record> records;
  for (int i = 0; i < 40; ++i) records.push_back(Chunk(i, 3000));
  PutAll(records);
  ASSERT_OK(Append(RawRecord(RecordKind::kEvent, "e", 3)));
  harness_.Kill();
  harness_.Damage(harness_.datastore(), records[7].key);
  harness_.LoseRows();
  const RebuiltDatastore whole = Rebuild();
  const uint64_t commits = harness_.kv().commit_count();
  ASSERT_GE(commits, 6u);
  for (uint64_t nth = 1; nth <= commits; ++nth) {
    harness_.LoseRows();
    harness_.kv().FailCommitsFrom(nth, absl::UnavailableError("killed"));
    EXPECT_FALSE(harness_.Rebuild().ok()) << nth;
    harness_.kv().PowerCut(harness_.random());
    harness_.kv().Recover();
    const RebuiltDatastore again = Rebuild();
    EXPECT_EQ(again.packs, whole.packs);
    EXPECT_EQ(again.records, whole.records);
    EXPECT_EQ(again.lost_records, whole.lost_records);
    EXPECT_EQ(again.damaged_copies, whole.damaged_copies);
    EXPECT_EQ(again.row.sequence, 3u);
  }
  ASSERT_OK(harness_.Start());
  records.erase(records.begin() + 7);
  ExpectReadable(records);
}

// Whatever random flips do to the packs, what the report calls good reads,
// and each record is either good, lost by name, or may be in unnamed bytes.
TEST_F(StoreRebuildTest, RandomDamageIsNeverServed) {
  std::vector<Record> records;
  for (int i = 0; i < 40; ++i) records.push_back(Chunk(i, 2000));
  PutAll(records);
  ASSERT_OK(harness_.Stop());
  for (int round = 0; round < 12; ++round) {
    for (const std::string& path : harness_.PackPaths()) {
      ASSERT_OK_AND_ASSIGN(const auto file, harness_.disk().OpenForWrite(path));
      ASSERT_OK_AND_ASSIGN(const uint64_t size, file->Size());
      const uint64_t at = harness_.random()() % size;
      const std::string byte(1, static_cast<char>(harness_.random()()));
      const std::string_view pieces[] = {byte};
      ASSERT_OK(file->WriteAt(at, pieces));
    }
    harness_.LoseRows();
    const RebuiltDatastore found = Rebuild();
    ASSERT_OK(harness_.Start());
    uint64_t good = 0;
    for (const Record& record : records) {
      const auto read = harness_.Read(record.key);
      if (read.ok()) {
        ++good;
        EXPECT_EQ(*read, record.payload);
      }
    }
    EXPECT_EQ(good, found.records[1]);
    if (found.unnamed_bytes == 0) {
      EXPECT_EQ(good + found.lost_records, records.size());
    }
    ASSERT_OK(harness_.Stop());
  }
}

}  // namespace
}  // namespace cairn::chunk_storage
