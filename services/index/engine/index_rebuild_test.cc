#include "services/index/engine/index_rebuild.h"

#include <map>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/kv/memory_kv_store.h"
#include "common/pack/test_pack.h"
#include "common/testing/fake_clock.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/wire/catalog_records.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Rows = std::map<std::string, std::string>;

constexpr char kDirectory[] = "/packs";
constexpr uint64_t kEpoch = 7;

// A real index, and beside it the packs that chunk_storage would hold.
class IndexRebuildTest : public ::testing::Test {
 protected:
  IndexRebuildTest() : random_(TestSeed()) {
    auto index = InMemoryIndex::Open(&clock_, random_);
    EXPECT_OK(index);
    index_ = *std::move(index);
    datastore_ = Get("default");
    data_ = NewPack(PackClass::kData);
    metadata_ = NewPack(PackClass::kMetadata);
    Change(CreateDatastoreChange{.datastore = "default",
                                 .uuid = datastore_.ref.uuid});
  }

  Datastore Get(const std::string& name) {
    const auto found = index_->client().GetDatastore({}, name);
    EXPECT_OK(found);
    return found.value_or(Datastore());
  }
  std::unique_ptr<TestPack> NewPack(PackClass pack_class) {
    return std::make_unique<TestPack>(Uuid::Random(random_),
                                      datastore_.ref.uuid, pack_class);
  }
  void Store(const Record& record) {
    metadata_->Add(record.key.kind, record.payload, record.sequence);
  }
  void Change(const CatalogChange& change, bool commit = true) {
    const auto prepared = index_->client().PrepareChange({}, change);
    ASSERT_OK(prepared);
    Store(prepared->event);
    if (!commit) return;
    EXPECT_OK(index_->client().CommitChange({}, change, prepared->sequence));
  }

  // One that index makes by itself, with a number above all others.
  void AddEvent(const CatalogChange& change) {
    constexpr uint64_t kSequence = 1000;
    metadata_->Add(RecordKind::kEvent,
                   EncodeEvent({.datastore = datastore_.ref,
                                .sequence = kSequence,
                                .time = clock_.Now(),
                                .principal = "index@service"},
                               change),
                   kSequence);
  }

  // `count` chunks of 100 bytes, all stored.
  BuiltArchive Build(const std::string& name, int count) {
    BuiltArchive built = BuildArchive(name, 1, 1);
    PageTreeBuilder builder(
        {.min_entries = 2, .mean_entries = 4, .max_entries = 8});
    built.pages.clear();
    for (int i = 0; i < count; ++i) {
      std::string plain = absl::StrCat("chunk ", random_(), " of ", name);
      plain.resize(100, '.');
      chunks_.push_back(data_->Add(RecordKind::kChunk, plain));
      EXPECT_OK(builder.Add({.length = 100, .digest = chunks_.back().digest}));
    }
    built.checkpoint.root = builder.Finish().value();
    built.pages = builder.TakePages();
    built.checkpoint.durable_bytes = built.checkpoint.root->size_bytes;
    for (const EncodedPage& page : built.pages) {
      metadata_->Add(RecordKind::kPage, page.bytes);
    }
    return built;
  }
  // Up to a manifest that is stored.
  NewSession Prepare(const GroupName& group, int count, uint64_t& sequence) {
    const NewSession request =
        NewTestSession(datastore_.ref, group, kEpoch, random_);
    const BuiltArchive archive = Build("disk.img", count);
    EXPECT_OK(index_->client().OpenSession({}, request));
    EXPECT_OK(PutArchive(index_->client(), request.ref, archive));
    const auto prepared =
        index_->client().PreparePublish({}, request.ref, RequestFor({archive}));
    EXPECT_OK(prepared);
    Store(prepared->manifest);
    sequence = prepared->sequence;
    return request;
  }
  Snapshot BackUp(const GroupName& group, int count = 30) {
    uint64_t sequence = 0;
    const NewSession request = Prepare(group, count, sequence);
    const auto snapshot =
        index_->client().CommitPublish({}, request.ref, sequence);
    EXPECT_OK(snapshot);
    clock_.Advance(absl::Seconds(2));
    return snapshot.value_or(Snapshot());
  }

  absl::StatusOr<IndexRebuildReport> Rebuild(
      std::vector<FormerDatastore> former = {}) {
    data_->AddFooter();
    metadata_->AddFooter();
    data_->WriteTo(files_, kDirectory);
    metadata_->WriteTo(files_, kDirectory);
    auto packs = PackDirectory::Open(&files_, kDirectory);
    EXPECT_OK(packs);
    packs_.push_back(*std::move(packs));
    rebuilt_ = std::make_unique<MemoryKvStore>(TableNames().size());
    scratch_ = std::make_unique<MemoryKvStore>(
        IndexRebuild::ScratchTableNames().size());
    IndexRebuild rebuild({.packs = &packs_,
                          .index = rebuilt_.get(),
                          .scratch = scratch_.get(),
                          .clock = &clock_});
    return rebuild.Run(former);
  }

  static Rows RowsOf(const KvStore& kv, Table table) {
    Rows rows;
    const auto view = kv.NewView();
    const auto cursor = view->Scan(static_cast<KvTable>(table), "", "");
    for (; cursor->Valid(); cursor->Next()) {
      std::string value(cursor->value());
      if (table == Table::kSnapshots) {
        auto row = DecodeSnapshot(value);
        EXPECT_OK(row);
        row->recovered = false;
        value = EncodeSnapshot(*row);
      }
      rows[std::string(cursor->key())] = value;
    }
    return rows;
  }
  void ExpectSameRows(Table table) {
    EXPECT_EQ(RowsOf(index_->kv(), table), RowsOf(*rebuilt_, table))
        << static_cast<int>(table);
  }
  SnapshotRow RebuiltRow(const SnapshotName& name) {
    const auto row = IndexStore(rebuilt_.get())
                         .NewView(datastore_.ref.uuid)
                         .GetSnapshot(name);
    EXPECT_OK(row);
    EXPECT_TRUE(row->has_value());
    return row->value_or(SnapshotRow());
  }

  std::mt19937_64 random_;
  FakeClock clock_;
  InMemoryFileSystem files_;
  std::unique_ptr<InMemoryIndex> index_;
  Datastore datastore_;
  std::unique_ptr<TestPack> data_;
  std::unique_ptr<TestPack> metadata_;
  std::vector<RecordKey> chunks_;
  std::vector<PackDirectory> packs_;
  std::unique_ptr<MemoryKvStore> rebuilt_;
  std::unique_ptr<MemoryKvStore> scratch_;
};

TEST_F(IndexRebuildTest, GivesTheRowsThatTheIndexHad) {
  Change(CreateNamespaceChange{.name = TestGroup("x", "a").parent,
                               .comment = "kept"});
  Change(CreateNamespaceChange{.name = TestGroup("x", "a/b").parent});
  Change(CreateNamespaceChange{.name = TestGroup("x", "gone").parent});
  Change(DeleteNamespaceChange{.name = TestGroup("x", "gone").parent});
  const Snapshot first = BackUp(TestGroup("web"));
  BackUp(TestGroup("web"));
  BackUp(TestGroup("deep", "a/b"), 300);
  Change(UpdateGroupChange{.name = TestGroup("web"), .notes = "the group"});
  Change(UpdateSnapshotChange{
      .name = first.name, .notes = "first", .is_protected = true});

  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_FALSE(report.lost());
  ASSERT_THAT(report.datastores, SizeIs(1));
  EXPECT_EQ(report.datastores[0].snapshots, 3u);
  for (const Table table :
       {Table::kNamespaces, Table::kGroups, Table::kSnapshots, Table::kPages}) {
    ExpectSameRows(table);
  }
  EXPECT_TRUE(RebuiltRow(first.name).recovered);
  EXPECT_TRUE(RowsOf(*rebuilt_, Table::kSessions).empty());
  const Uuid& uuid = datastore_.ref.uuid;
  ASSERT_OK_AND_ASSIGN(const IndexState before,
                       IndexStore(&index_->kv()).GetState(uuid));
  ASSERT_OK_AND_ASSIGN(const IndexState after,
                       IndexStore(rebuilt_.get()).GetState(uuid));
  EXPECT_EQ(after.snapshot_count, before.snapshot_count);
  EXPECT_EQ(after.logical_bytes, before.logical_bytes);
  EXPECT_TRUE(after.counted);
  EXPECT_EQ(after.highest_epoch, kEpoch);
  EXPECT_EQ(after.fence, kEpoch + 1);
  EXPECT_EQ(after.sequence_limit, report.datastores[0].highest_sequence + 1);
  EXPECT_EQ(after.namespace_delete_sequence, before.namespace_delete_sequence);
  EXPECT_EQ(report.datastores[0].info.name, "default");
  EXPECT_EQ(report.datastores[0].info.ref, (DatastoreRef{uuid, 2}));
}

TEST_F(IndexRebuildTest, ListsNothingThatWasRefused) {
  BackUp(TestGroup("web"));
  uint64_t sequence = 0;
  const NewSession refused = Prepare(TestGroup("web"), 5, sequence);
  ASSERT_OK_AND_ASSIGN(
      const Session session,
      index_->client().GetSession(
          {}, {.datastore = "default", .session = refused.ref.session}));
  Change(RefusedPublishChange{.name = session.snapshot,
                              .session = refused.ref.session});
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_FALSE(report.lost());
  EXPECT_EQ(report.datastores[0].cancelled, 1u);
  ExpectSameRows(Table::kSnapshots);
}

TEST_F(IndexRebuildTest, GoesOnFromWhatTheFormerIndexKnew) {
  BackUp(TestGroup("web"));
  FormerDatastore former{.info = datastore_};
  former.info.ref.generation = 9;
  former.numbers.highest_token = 11;
  former.numbers.fence = 40;
  former.numbers.sequence_limit = 5000;
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild({former}));
  EXPECT_EQ(report.datastores[0].info.ref.generation, 10u);
  ASSERT_OK_AND_ASSIGN(
      const IndexState state,
      IndexStore(rebuilt_.get()).GetState(datastore_.ref.uuid));
  EXPECT_EQ(state.highest_token, 11u);
  EXPECT_EQ(state.fence, 40u);
  EXPECT_EQ(state.sequence_limit, 5000u);
}

TEST_F(IndexRebuildTest, WhatWasForgottenIsInTrashAgain) {
  const Snapshot listed = BackUp(TestGroup("web"));
  const Snapshot back = BackUp(TestGroup("web"));
  const Snapshot forgotten = BackUp(TestGroup("web"));
  const Snapshot alone = BackUp(TestGroup("old"));
  Change(ForgetSnapshotsChange{.datastore = "default",
                               .names = {back.name, forgotten.name, alone.name},
                               .trash_time = absl::Hours(24 * 7)});
  Change(UndeleteSnapshotsChange{.datastore = "default", .names = {back.name}});
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_FALSE(report.lost());
  EXPECT_EQ(report.datastores[0].snapshots, 2u);
  EXPECT_EQ(report.datastores[0].trash, 2u);
  for (const Table table : {Table::kGroups, Table::kSnapshots}) {
    ExpectSameRows(table);
  }
  EXPECT_EQ(RebuiltRow(alone.name).state, SnapshotState::kTrash);
  EXPECT_EQ(RebuiltRow(listed.name).state, SnapshotState::kListed);
  const Uuid& uuid = datastore_.ref.uuid;
  ASSERT_OK_AND_ASSIGN(const IndexState before,
                       IndexStore(&index_->kv()).GetState(uuid));
  ASSERT_OK_AND_ASSIGN(const IndexState after,
                       IndexStore(rebuilt_.get()).GetState(uuid));
  EXPECT_EQ(after.snapshot_count, before.snapshot_count);
  EXPECT_EQ(after.logical_bytes, before.logical_bytes);
  EXPECT_EQ(after.trash_count, 2u);
  EXPECT_EQ(after.trash_bytes, before.trash_bytes);
}

TEST_F(IndexRebuildTest, WhatIsGoneIsNotListedAgain) {
  const Snapshot gone = BackUp(TestGroup("web"));
  const Snapshot listed = BackUp(TestGroup("web"));
  Change(ForgetSnapshotsChange{.datastore = "default",
                               .names = {gone.name},
                               .trash_time = absl::ZeroDuration()});
  AddEvent(SnapshotsGoneChange{
      .datastore = "default", .names = {gone.name}, .token = 1});
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_FALSE(report.lost());
  EXPECT_EQ(report.datastores[0].snapshots, 1u);
  EXPECT_EQ(report.datastores[0].trash, 0u);
  EXPECT_EQ(RebuiltRow(listed.name).state, SnapshotState::kListed);
  EXPECT_EQ(RowsOf(*rebuilt_, Table::kSnapshots).size(), 1u);
}

TEST_F(IndexRebuildTest, ALostChunkIsNamedByArchiveAndBytes) {
  const Snapshot hurt = BackUp(TestGroup("hurt"), 100);
  const Snapshot whole = BackUp(TestGroup("whole"), 100);
  // The footer is believed, so the records go instead.
  auto without = NewPack(PackClass::kData);
  const auto old = std::exchange(data_, std::move(without));
  for (size_t i = 0; i < chunks_.size(); ++i) {
    if (i == 40 || i == 41 || i == 60) continue;
    const PackEntry& entry = old->entries()[i];
    data_->Add(RecordKind::kChunk,
               old->bytes().substr(entry.offset + kRecordHeaderBytes, 100));
  }
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_TRUE(report.lost());
  ASSERT_THAT(report.datastores[0].lost, SizeIs(1));
  const LostArchive& lost = report.datastores[0].lost[0];
  EXPECT_EQ(lost.name.ToString(),
            absl::StrCat(hurt.name.ToString(), "/archives/disk.img"));
  EXPECT_EQ(lost.lost_bytes, 300u);
  ASSERT_THAT(lost.ranges, SizeIs(2));
  EXPECT_EQ(lost.ranges[0].offset, 4000u);
  EXPECT_EQ(lost.ranges[0].length, 200u);
  EXPECT_EQ(lost.ranges[1].offset, 6000u);
  EXPECT_EQ(RebuiltRow(hurt.name).verification.state, VerifyState::kFailed);
  EXPECT_EQ(RebuiltRow(whole.name).verification.state, VerifyState::kNever);
}

TEST_F(IndexRebuildTest, ALostPageTakesItsSnapshotAndNoOther) {
  const Snapshot hurt = BackUp(TestGroup("hurt"), 100);
  const Snapshot whole = BackUp(TestGroup("whole"), 100);
  // Record 0 is the event of the datastore, then come the first leaves.
  metadata_->FlipPayload(1);
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_TRUE(report.lost());
  EXPECT_EQ(report.damage_count, 1u);
  EXPECT_EQ(report.datastores[0].snapshots, 1u);
  // Its parents up to the root.
  EXPECT_GE(report.datastores[0].pages.broken_pages, 1u);
  ASSERT_THAT(report.datastores[0].passed_over, SizeIs(1));
  EXPECT_EQ(report.datastores[0].passed_over[0].name, hurt.name);
  EXPECT_THAT(report.datastores[0].passed_over[0].why, HasSubstr("disk.img"));
  EXPECT_EQ(RebuiltRow(whole.name).verification.state, VerifyState::kNever);
}

TEST_F(IndexRebuildTest, ADamagedManifestIsReported) {
  BackUp(TestGroup("web"));
  const PackEntry last = metadata_->entries().back();
  ASSERT_EQ(last.key.kind, RecordKind::kManifest);
  metadata_->FlipPayload(metadata_->entries().size() - 1);
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  EXPECT_TRUE(report.lost());
  EXPECT_EQ(report.damage_count, 1u);
  EXPECT_EQ(report.datastores[0].snapshots, 0u);
  // No later change may have its number.
  EXPECT_EQ(report.datastores[0].highest_sequence, last.sequence);
}

TEST_F(IndexRebuildTest, TwoDatastoresOfOneNameBothComeBack) {
  BackUp(TestGroup("web"));
  // What an index makes that starts on an empty directory beside old packs.
  const Uuid other = Uuid::Random(random_);
  TestPack fresh(Uuid::Random(random_), other, PackClass::kMetadata);
  fresh.Add(
      RecordKind::kEvent,
      EncodeEvent({.datastore = {other, 1}, .sequence = 1},
                  CreateDatastoreChange{.datastore = "default", .uuid = other}),
      1);
  fresh.AddFooter();
  fresh.WriteTo(files_, kDirectory);
  ASSERT_OK_AND_ASSIGN(const IndexRebuildReport report, Rebuild());
  ASSERT_THAT(report.datastores, SizeIs(2));
  EXPECT_EQ(report.datastores[0].info.name, "default");
  EXPECT_EQ(report.datastores[0].info.ref.uuid, datastore_.ref.uuid);
  EXPECT_EQ(report.datastores[1].info.name,
            absl::StrCat("default-", other.ToString().substr(0, 8)));
  EXPECT_TRUE(report.lost());
}

TEST_F(IndexRebuildTest, NothingComesOfNothing) {
  ASSERT_OK(files_.CreateDirectories("/empty"));
  ASSERT_OK_AND_ASSIGN(PackDirectory empty,
                       PackDirectory::Open(&files_, "/empty"));
  const std::vector<PackDirectory> packs = {std::move(empty)};
  MemoryKvStore kv(TableNames().size());
  MemoryKvStore scratch(2);
  IndexRebuild rebuild(
      {.packs = &packs, .index = &kv, .scratch = &scratch, .clock = &clock_});
  EXPECT_THAT(rebuild.Run({}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace cairn::index
