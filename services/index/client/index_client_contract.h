#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/digest/sha256.h"
#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/index_under_test.h"
#include "services/index/client/session_client.h"
#include "services/index/client/test_backup.h"

// What every way to reach index does alike. A file that includes this
// instantiates IndexClientContract with a factory.
namespace cairn {

class IndexClientContract : public ::testing::TestWithParam<IndexFactory> {
 protected:
  IndexClientContract() : random_(TestSeed()) {}

  void SetUp() override {
    index_ = GetParam().make(&clock_);
    ASSERT_NE(index_, nullptr);
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         catalog().GetDatastore({}, "default"));
    ref_ = datastore.ref;
  }

  CatalogClient& catalog() { return index_->catalog(); }
  SessionClient& sessions() { return index_->sessions(); }
  FenceClient& fence() { return index_->fence(); }

  NewSession NewIn(const GroupName& group, uint64_t epoch = 1) {
    return NewTestSession(ref_, group, epoch, random_);
  }

  // Prepares and commits.
  absl::Status Change(const CatalogChange& change) {
    auto prepared = catalog().PrepareChange({}, change);
    if (!prepared.ok()) return prepared.status();
    EXPECT_EQ(prepared->datastore, ref_);
    EXPECT_EQ(prepared->event.key.kind, RecordKind::kEvent);
    EXPECT_EQ(prepared->event.key.digest, Sha256(prepared->event.payload));
    EXPECT_EQ(prepared->event.sequence, prepared->sequence);
    return catalog().CommitChange({}, change, prepared->sequence);
  }

  NamespaceName Space(const std::string& path) {
    return {.datastore = "default", .path = *NamespacePath::Parse(path)};
  }

  FakeClock clock_{absl::FromUnixSeconds(1795293585)};
  std::mt19937_64 random_;
  std::unique_ptr<IndexUnderTest> index_;
  DatastoreRef ref_;
};

TEST_P(IndexClientContract, TheDefaultDatastoreIsThereFromTheStart) {
  ASSERT_OK_AND_ASSIGN(const auto page, catalog().ListDatastores({}, {}));
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0].name, "default");
  EXPECT_EQ(page.items[0].ref.generation, 1u);
  EXPECT_FALSE(page.items[0].ref.uuid.is_zero());
  EXPECT_EQ(page.next_page_token, "");
  EXPECT_THAT(catalog().GetDatastore({}, "other"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(IndexClientContract, TheDefaultDatastoresEventCanBePreparedAgain) {
  const CreateDatastoreChange change{
      .datastore = "default", .uuid = ref_.uuid, .comment = ""};
  ASSERT_OK_AND_ASSIGN(const PreparedChange first,
                       catalog().PrepareChange({}, change));
  ASSERT_OK_AND_ASSIGN(const PreparedChange second,
                       catalog().PrepareChange({}, change));
  EXPECT_EQ(first.datastore, ref_);
  EXPECT_EQ(first.event.key, second.event.key);
  EXPECT_EQ(first.sequence, second.sequence);
  EXPECT_OK(catalog().CommitChange({}, change, first.sequence));
}

TEST_P(IndexClientContract, DatastoresAreCreatedOncePerNameAndUuid) {
  CreateDatastoreChange change{.datastore = "second",
                               .uuid = Uuid::Random(random_),
                               .comment = "the second"};
  ASSERT_OK_AND_ASSIGN(const PreparedChange prepared,
                       catalog().PrepareChange({}, change));
  EXPECT_THAT(catalog().GetDatastore({}, "second"),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(catalog().CommitChange({}, change, prepared.sequence));
  ASSERT_OK(catalog().CommitChange({}, change, prepared.sequence));
  ASSERT_OK_AND_ASSIGN(const Datastore made,
                       catalog().GetDatastore({}, "second"));
  EXPECT_EQ(made.ref, prepared.datastore);
  EXPECT_EQ(made.comment, "the second");
  change.uuid = Uuid::Random(random_);
  EXPECT_THAT(catalog().PrepareChange({}, change),
              StatusIs(absl::StatusCode::kAlreadyExists));
  change.datastore = "third";
  change.uuid = ref_.uuid;
  EXPECT_THAT(catalog().PrepareChange({}, change),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_P(IndexClientContract, NamespacesAreMadeBelowTheirParentsAndRemoved) {
  EXPECT_THAT(Change(CreateNamespaceChange{Space("a/b"), ""}),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Change(CreateNamespaceChange{Space("a"), "first"}));
  ASSERT_OK(Change(CreateNamespaceChange{Space("a/b"), ""}));
  EXPECT_THAT(Change(CreateNamespaceChange{Space("a"), ""}),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Change(CreateNamespaceChange{Space(""), ""}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(
      const auto page,
      catalog().ListNamespaces({}, {.parent = Space(""), .max_depth = 0}, {}));
  ASSERT_EQ(page.items.size(), 2u);
  EXPECT_EQ(page.items[0].name, Space("a"));
  EXPECT_EQ(page.items[0].comment, "first");
  EXPECT_EQ(page.items[1].name, Space("a/b"));

  EXPECT_THAT(Change(DeleteNamespaceChange{Space("a")}),
              HasReasonCode(reason::kNotEmpty));
  ASSERT_OK(Change(DeleteNamespaceChange{Space("a/b")}));
  ASSERT_OK(Change(DeleteNamespaceChange{Space("a")}));
  EXPECT_THAT(Change(DeleteNamespaceChange{Space("a")}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(IndexClientContract, AnOpenSessionKeepsItsNamespace) {
  ASSERT_OK(Change(CreateNamespaceChange{Space("a"), ""}));
  const NewSession request = NewIn(TestGroup("web1", "a"));
  ASSERT_OK(sessions().OpenSession({}, request));
  EXPECT_THAT(Change(DeleteNamespaceChange{Space("a")}),
              HasReasonCode(reason::kNotEmpty));
  ASSERT_OK(sessions().AbortSession({}, request.ref));
  EXPECT_OK(Change(DeleteNamespaceChange{Space("a")}));
}

TEST_P(IndexClientContract, ASessionBecomesASnapshotThatReadsBack) {
  NewSession request = NewIn(TestGroup("web1"));
  const std::vector<BuiltArchive> archives = {
      BuildArchive("a.img", 300, TestSeed()), BuildArchive("b.pxa", 0, 1)};
  ASSERT_OK_AND_ASSIGN(const Session opened,
                       sessions().OpenSession({}, request));
  EXPECT_EQ(opened.ref, request.ref);
  EXPECT_EQ(opened.snapshot.time, 1795293585);
  EXPECT_EQ(opened.state, SessionState::kOpen);
  for (const BuiltArchive& archive : archives) {
    ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  }
  ASSERT_OK_AND_ASSIGN(
      const PreparedPublish prepared,
      sessions().PreparePublish({}, request.ref, RequestFor(archives)));
  EXPECT_EQ(prepared.manifest.key.kind, RecordKind::kManifest);
  EXPECT_EQ(prepared.manifest.key.digest, Sha256(prepared.manifest.payload));
  EXPECT_EQ(prepared.manifest.sequence, prepared.sequence);
  EXPECT_FALSE(prepared.published.has_value());

  // Without the commit nothing is visible.
  ASSERT_OK_AND_ASSIGN(auto groups,
                       catalog().ListGroups({}, {.parent = Space("")}, {}));
  EXPECT_TRUE(groups.items.empty());
  EXPECT_THAT(catalog().GetSnapshot({}, opened.snapshot),
              StatusIs(absl::StatusCode::kNotFound));

  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      sessions().CommitPublish({}, request.ref, prepared.sequence));
  EXPECT_EQ(snapshot.name, opened.snapshot);
  EXPECT_EQ(snapshot.owner, "ann@tls");
  EXPECT_EQ(snapshot.notes, "notes");
  EXPECT_EQ(snapshot.session, request.ref.session);
  EXPECT_EQ(snapshot.sequence, prepared.sequence);
  ASSERT_EQ(snapshot.archives.size(), 2u);
  EXPECT_EQ(snapshot.archives[0].root, *archives[0].checkpoint.root);
  EXPECT_EQ(snapshot.stored_bytes, archives[0].checkpoint.stored_bytes);

  ASSERT_OK_AND_ASSIGN(groups,
                       catalog().ListGroups({}, {.parent = Space("")}, {}));
  ASSERT_EQ(groups.items.size(), 1u);
  EXPECT_EQ(groups.items[0].name, request.group);
  EXPECT_EQ(groups.items[0].snapshot_count, 1u);
  EXPECT_EQ(groups.items[0].last_snapshot_time, opened.snapshot.time);
  ASSERT_OK_AND_ASSIGN(const Snapshot read,
                       catalog().GetSnapshot({}, snapshot.name));
  EXPECT_EQ(read.archives, snapshot.archives);
  ASSERT_OK_AND_ASSIGN(const ArchiveEntries found,
                       sessions().FindEntries({}, {snapshot.name, "a.img"}, 0,
                                              ~uint64_t{0}, 4096));
  EXPECT_EQ(found.entries, archives[0].entries);
  ASSERT_OK_AND_ASSIGN(
      const ArchiveEntries empty,
      sessions().FindEntries({}, {snapshot.name, "b.pxa"}, 0, 1, 4096));
  EXPECT_TRUE(empty.entries.empty());
}

TEST_P(IndexClientContract, FindEntriesAgreesWithAScanOfAllEntries) {
  const BuiltArchive archive = BuildArchive("a.img", 500, TestSeed());
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, request.ref, RequestFor({archive})));
  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      sessions().CommitPublish({}, request.ref, prepared.sequence));
  const ArchiveName name{snapshot.name, "a.img"};
  const uint64_t size = archive.checkpoint.durable_bytes;
  for (int i = 0; i < 100; ++i) {
    const uint64_t offset = random_() % (size + 1);
    const uint64_t length = random_() % 5 == 0 ? 0 : random_() % 50000;
    const auto limit = static_cast<uint32_t>(1 + random_() % 20);
    std::vector<PlacedEntry> expected;
    for (const PlacedEntry& entry : archive.entries) {
      if (expected.size() < limit && entry.offset < offset + length &&
          entry.offset + entry.entry.total_length() > offset) {
        expected.push_back(entry);
      }
    }
    if (length == 0) expected.clear();
    ASSERT_OK_AND_ASSIGN(
        const ArchiveEntries found,
        sessions().FindEntries({}, name, offset, length, limit));
    EXPECT_EQ(found.entries, expected) << offset << " + " << length;
    EXPECT_EQ(found.archive.root, *archive.checkpoint.root);
  }
  EXPECT_THAT(sessions().FindEntries({}, name, size + 1, 1, 10),
              StatusIs(absl::StatusCode::kOutOfRange));
  for (const uint32_t limit : {0u, 4097u}) {
    EXPECT_THAT(sessions().FindEntries({}, name, 0, 1, limit),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(
      sessions().FindEntries({}, {snapshot.name, "other.img"}, 0, 1, 10),
      StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(IndexClientContract, DiffArchivesGivesWhatWasReplaced) {
  const BuiltArchive base = BuildArchive("a.img", 600, TestSeed());
  std::vector<ChunkEntry> entries;
  for (const PlacedEntry& placed : base.entries) {
    entries.push_back(placed.entry);
  }
  std::vector<DiffRange> expected;
  for (size_t at : {100, 300, 500}) {
    while (entries[at].is_hole) ++at;
    entries[at].digest = Sha256(entries[at].digest.view());
    expected.push_back({base.entries[at].offset, entries[at].total_length()});
  }
  const uint64_t size = base.checkpoint.durable_bytes;
  entries.push_back({.length = 77, .digest = Sha256("the tail")});
  expected.push_back({size, 77});
  const BuiltArchive changed = BuildArchiveOf("b.img", entries);
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, base));
  ASSERT_OK(PutArchive(sessions(), request.ref, changed));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, request.ref, RequestFor({base, changed})));
  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      sessions().CommitPublish({}, request.ref, prepared.sequence));
  const ArchiveName a{snapshot.name, "a.img"};
  const ArchiveName b{snapshot.name, "b.img"};
  ASSERT_OK_AND_ASSIGN(const ArchiveDiff whole,
                       sessions().DiffArchives({}, a, b, 0, 1024));
  EXPECT_EQ(whole.ranges, expected);
  EXPECT_EQ(whole.next, size + 77);
  EXPECT_TRUE(whole.done);
  ASSERT_OK_AND_ASSIGN(const ArchiveDiff none,
                       sessions().DiffArchives({}, b, b, 0, 1024));
  EXPECT_TRUE(none.ranges.empty());
  EXPECT_TRUE(none.done);

  // A range at a time, and from inside of one.
  std::vector<DiffRange> found;
  ArchiveDiff part{.next = expected[0].offset + 1};
  for (int calls = 0; !part.done && calls < 100; ++calls) {
    ASSERT_OK_AND_ASSIGN(part, sessions().DiffArchives({}, b, a, part.next, 1));
    ASSERT_LE(part.ranges.size(), 1u);
    found.insert(found.end(), part.ranges.begin(), part.ranges.end());
  }
  ++expected[0].offset;
  --expected[0].length;
  if (expected[0].length == 0) expected.erase(expected.begin());
  EXPECT_EQ(found, expected);

  EXPECT_THAT(sessions().DiffArchives({}, a, b, size + 78, 10),
              StatusIs(absl::StatusCode::kOutOfRange));
  for (const uint32_t limit : {0u, 1025u}) {
    EXPECT_THAT(sessions().DiffArchives({}, a, b, 0, limit),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  ArchiveName other = b;
  other.archive = "other.img";
  EXPECT_THAT(sessions().DiffArchives({}, a, other, 0, 10),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(sessions().DiffArchives({}, other, a, 0, 10),
              StatusIs(absl::StatusCode::kNotFound));
  other = b;
  other.snapshot.group.parent.datastore = "second";
  EXPECT_THAT(sessions().DiffArchives({}, a, other, 0, 10),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(IndexClientContract, APublishIsIdempotent) {
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  const PublishRequest publish = RequestFor({archive});
  ASSERT_OK_AND_ASSIGN(const auto first,
                       sessions().PreparePublish({}, request.ref, publish));
  clock_.Advance(absl::Minutes(5));
  ASSERT_OK_AND_ASSIGN(const auto again,
                       sessions().PreparePublish({}, request.ref, publish));
  EXPECT_EQ(first.sequence, again.sequence);
  EXPECT_EQ(first.manifest.key, again.manifest.key);
  ASSERT_OK_AND_ASSIGN(
      const Snapshot one,
      sessions().CommitPublish({}, request.ref, first.sequence));
  ASSERT_OK_AND_ASSIGN(
      const Snapshot two,
      sessions().CommitPublish({}, request.ref, first.sequence));
  EXPECT_EQ(one.name, two.name);
  EXPECT_EQ(one.sequence, two.sequence);
  ASSERT_OK_AND_ASSIGN(const auto after,
                       sessions().PreparePublish({}, request.ref, publish));
  ASSERT_TRUE(after.published.has_value());
  EXPECT_EQ(after.published->name, one.name);
  // What is over is over for everything else.
  EXPECT_THAT(sessions().SaveCheckpoint({}, request.ref, archive.checkpoint, 0),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_THAT(sessions().PutPages({}, request.ref, archive.pages),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_THAT(sessions().AbortSession({}, request.ref),
              HasReasonCode(reason::kSessionEnded));
  ASSERT_OK_AND_ASSIGN(
      const Session session,
      sessions().GetSession({}, {"default", request.ref.session}));
  EXPECT_EQ(session.state, SessionState::kPublished);
  ASSERT_OK_AND_ASSIGN(const Session reopened,
                       sessions().OpenSession({}, request));
  EXPECT_EQ(reopened.state, SessionState::kPublished);
}

TEST_P(IndexClientContract, AnAbortedSessionCannotBeFinished) {
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, request.ref, RequestFor({archive})));
  ASSERT_OK(sessions().AbortSession({}, request.ref));
  ASSERT_OK(sessions().AbortSession({}, request.ref));
  EXPECT_THAT(sessions().PreparePublish({}, request.ref, RequestFor({archive})),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_THAT(sessions().CommitPublish({}, request.ref, prepared.sequence),
              HasReasonCode(reason::kSessionEnded));
}

TEST_P(IndexClientContract, ASessionOpensOncePerId) {
  NewSession request = NewIn(TestGroup("web1"), 5);
  ASSERT_OK_AND_ASSIGN(const Session first,
                       sessions().OpenSession({}, request));
  clock_.Advance(absl::Minutes(1));
  ASSERT_OK_AND_ASSIGN(const Session again,
                       sessions().OpenSession({}, request));
  EXPECT_EQ(first.snapshot, again.snapshot);
  EXPECT_EQ(first.open_time, again.open_time);
  for (int field = 0; field < 5; ++field) {
    NewSession other = request;
    if (field == 0) other.ref.epoch = 6;
    if (field == 1) other.group.id = "web2";
    if (field == 2) other.backup_time = first.snapshot.time;
    if (field == 3) other.owner = "bob@tls";
    if (field == 4) other.notes = "other";
    EXPECT_THAT(sessions().OpenSession({}, other),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << field;
  }
}

TEST_P(IndexClientContract, SnapshotsOfAGroupAreStrictlyNewer) {
  NewSession request = NewIn(TestGroup("web1"));
  request.backup_time = 1000;
  ASSERT_OK(BackUp(sessions(), request));
  for (const int64_t time : {999, 1000}) {
    NewSession next = NewIn(TestGroup("web1"));
    next.backup_time = time;
    EXPECT_THAT(sessions().OpenSession({}, next),
                HasReasonCode(reason::kSnapshotNotNewer));
  }
  NewSession next = NewIn(TestGroup("web1"));
  next.backup_time = 1001;
  EXPECT_OK(BackUp(sessions(), next));
}

TEST_P(IndexClientContract, OfTwoSessionsOfOneGroupTheLaterPublishMustBeNewer) {
  NewSession late = NewIn(TestGroup("web1"));
  late.backup_time = 1000;
  NewSession early = NewIn(TestGroup("web1"));
  early.backup_time = 2000;
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  ASSERT_OK(sessions().OpenSession({}, late));
  ASSERT_OK(PutArchive(sessions(), late.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, late.ref, RequestFor({archive})));
  ASSERT_OK(BackUp(sessions(), early));
  EXPECT_THAT(sessions().CommitPublish({}, late.ref, prepared.sequence),
              HasReasonCode(reason::kSnapshotNotNewer));

  // The refusal is recorded, and final.
  const RefusedPublishChange refused{
      .name = {.group = late.group, .time = 1000},
      .session = late.ref.session,
      .manifest = prepared.manifest.key.digest};
  ASSERT_OK(Change(refused));
  ASSERT_OK(Change(refused));
  EXPECT_THAT(sessions().CommitPublish({}, late.ref, prepared.sequence),
              HasReasonCode(reason::kSessionEnded));
}

TEST_P(IndexClientContract, ARefusalEndsItsSessionBeforeItsEventExists) {
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK_AND_ASSIGN(const Session session,
                       sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  RefusedPublishChange refused{.name = session.snapshot,
                               .session = request.ref.session,
                               .manifest = Sha256("none")};
  EXPECT_THAT(catalog().PrepareChange({}, refused),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, request.ref, RequestFor({archive})));
  EXPECT_THAT(catalog().PrepareChange({}, refused),
              StatusIs(absl::StatusCode::kInvalidArgument));
  refused.manifest = prepared.manifest.key.digest;
  ASSERT_OK(catalog().PrepareChange({}, refused));
  EXPECT_THAT(sessions().CommitPublish({}, request.ref, prepared.sequence),
              HasReasonCode(reason::kSessionEnded));
}

TEST_P(IndexClientContract, ARefusalWithoutAManifestIsOfWhatWasPrepared) {
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK_AND_ASSIGN(const Session session,
                       sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  const RefusedPublishChange refused{
      .name = session.snapshot, .session = request.ref.session, .manifest = {}};
  EXPECT_THAT(catalog().PrepareChange({}, refused),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, request.ref, RequestFor({archive})));
  ASSERT_OK(sessions().AbortSession({}, request.ref));
  ASSERT_OK_AND_ASSIGN(const PreparedChange change,
                       catalog().PrepareChange({}, refused));
  const std::string_view digest = prepared.manifest.key.digest.view();
  EXPECT_NE(change.event.payload.find(digest), std::string::npos);
  EXPECT_OK(catalog().CommitChange({}, refused, change.sequence));
}

TEST_P(IndexClientContract, StatisticsAreExact) {
  const auto expect = [&](uint64_t snapshots, uint64_t bytes, uint64_t open,
                          uint64_t uncancelled) {
    ASSERT_OK_AND_ASSIGN(const CatalogStatistics counted,
                         catalog().GetStatistics({}, "default"));
    EXPECT_EQ(counted.snapshot_count, snapshots);
    EXPECT_EQ(counted.logical_bytes, bytes);
    EXPECT_EQ(counted.open_sessions, open);
    EXPECT_EQ(counted.uncancelled_sessions, uncancelled);
    EXPECT_EQ(counted.max_sessions, 4096u);
  };
  expect(0, 0, 0, 0);
  ASSERT_OK_AND_ASSIGN(const Snapshot first,
                       BackUp(sessions(), NewIn(TestGroup("a"))));
  ASSERT_OK_AND_ASSIGN(const Snapshot second,
                       BackUp(sessions(), NewIn(TestGroup("b"))));
  const uint64_t bytes = first.size_bytes() + second.size_bytes();
  EXPECT_GT(bytes, 0u);
  const NewSession open = NewIn(TestGroup("c"));
  ASSERT_OK(sessions().OpenSession({}, open));
  expect(2, bytes, 1, 0);
  // A publish that is asked for again counts once.
  ASSERT_OK_AND_ASSIGN(const auto found,
                       sessions().ListSessions({}, "default", false, {}));
  for (const Session& one : found.items) {
    if (one.state != SessionState::kPublished) continue;
    ASSERT_OK(sessions().CommitPublish({}, one.ref, 1));
  }
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  ASSERT_OK(PutArchive(sessions(), open.ref, archive));
  ASSERT_OK(sessions().PreparePublish({}, open.ref, RequestFor({archive})));
  expect(2, bytes, 1, 0);
  ASSERT_OK(sessions().AbortSession({}, open.ref));
  expect(2, bytes, 0, 1);
  EXPECT_THAT(catalog().GetStatistics({}, "other"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(IndexClientContract, ManifestsAreListedUntilAnEventCancelsThem) {
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  std::vector<RefusedPublishChange> prepared;
  std::vector<SessionRef> refs;
  for (const std::string group : {"aborted", "fenced", "open", "published"}) {
    const NewSession request =
        NewIn(TestGroup(group), group == "fenced" ? 5 : 9);
    ASSERT_OK_AND_ASSIGN(const Session session,
                         sessions().OpenSession({}, request));
    ASSERT_OK(PutArchive(sessions(), request.ref, archive));
    ASSERT_OK_AND_ASSIGN(
        const PreparedPublish publish,
        sessions().PreparePublish({}, request.ref, RequestFor({archive})));
    prepared.push_back({.name = session.snapshot,
                        .session = request.ref.session,
                        .manifest = {}});
    refs.push_back(request.ref);
    if (group == "published") {
      ASSERT_OK(sessions().CommitPublish({}, request.ref, publish.sequence));
    }
  }
  // One that has nothing to cancel.
  const NewSession plain = NewIn(TestGroup("plain"), 9);
  ASSERT_OK(sessions().OpenSession({}, plain));
  ASSERT_OK(sessions().AbortSession({}, plain.ref));
  const auto listed = [&] {
    std::set<Uuid> ids;
    PageRequest page{.page_size = 1};
    do {
      auto found = sessions().ListUncancelled({}, "default", page);
      EXPECT_OK(found);
      for (const Session& one : found->items) ids.insert(one.ref.session);
      page.page_token = found->next_page_token;
    } while (!page.page_token.empty());
    return ids;
  };
  EXPECT_EQ(listed(), std::set<Uuid>());
  ASSERT_OK(sessions().AbortSession({}, refs[0]));
  ASSERT_OK(fence().RaiseFence({}, ref_, 6, 1));
  EXPECT_EQ(listed(), (std::set<Uuid>{refs[0].session, refs[1].session}));
  // Prepared is not cancelled yet: the event may never have been stored.
  ASSERT_OK_AND_ASSIGN(const PreparedChange first,
                       catalog().PrepareChange({}, prepared[0]));
  ASSERT_OK(catalog().PrepareChange({}, prepared[1]));
  EXPECT_EQ(listed(), (std::set<Uuid>{refs[0].session, refs[1].session}));
  ASSERT_OK(catalog().CommitChange({}, prepared[0], first.sequence));
  EXPECT_EQ(listed(), std::set<Uuid>{refs[1].session});
  ASSERT_OK(Change(prepared[1]));
  EXPECT_EQ(listed(), std::set<Uuid>());
}

TEST_P(IndexClientContract, AGroupIsWrittenByItsOwner) {
  ASSERT_OK(BackUp(sessions(), NewIn(TestGroup("web1"))));
  NewSession other = NewIn(TestGroup("web1"));
  other.owner = "bob@tls";
  EXPECT_THAT(sessions().OpenSession({}, other),
              HasReasonCode(reason::kNotOwner));
  ASSERT_OK(Change(UpdateGroupChange{
      .name = other.group, .owner = "bob@tls", .notes = std::nullopt}));
  EXPECT_OK(BackUp(sessions(), other));
  EXPECT_THAT(sessions().OpenSession({}, NewIn(TestGroup("web1"))),
              HasReasonCode(reason::kNotOwner));
}

TEST_P(IndexClientContract, AGroupThatChangedHandsRefusesTheOldOwnersPublish) {
  ASSERT_OK(BackUp(sessions(), NewIn(TestGroup("web1"))));
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, request.ref, RequestFor({archive})));
  ASSERT_OK(Change(UpdateGroupChange{
      .name = request.group, .owner = "bob@tls", .notes = std::nullopt}));
  EXPECT_THAT(sessions().CommitPublish({}, request.ref, prepared.sequence),
              HasReasonCode(reason::kNotOwner));
}

TEST_P(IndexClientContract, GroupsAndSnapshotsAreUpdatedFieldByField) {
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       BackUp(sessions(), NewIn(TestGroup("web1"))));
  ASSERT_OK(Change(UpdateSnapshotChange{
      .name = snapshot.name, .notes = std::nullopt, .is_protected = true}));
  ASSERT_OK(Change(UpdateSnapshotChange{
      .name = snapshot.name, .notes = "new", .is_protected = std::nullopt}));
  ASSERT_OK_AND_ASSIGN(const Snapshot read,
                       catalog().GetSnapshot({}, snapshot.name));
  EXPECT_TRUE(read.is_protected);
  EXPECT_EQ(read.notes, "new");
  ASSERT_OK(Change(UpdateGroupChange{
      .name = snapshot.name.group, .owner = std::nullopt, .notes = "group"}));
  ASSERT_OK_AND_ASSIGN(const auto groups,
                       catalog().ListGroups({}, {.parent = Space("")}, {}));
  EXPECT_EQ(groups.items[0].notes, "group");
  EXPECT_EQ(groups.items[0].owner, "ann@tls");
  EXPECT_THAT(Change(UpdateGroupChange{.name = snapshot.name.group}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      Change(UpdateGroupChange{
          .name = TestGroup("none"), .owner = std::nullopt, .notes = "n"}),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Change(UpdateSnapshotChange{.name = {snapshot.name.group, 5},
                                          .notes = "n",
                                          .is_protected = std::nullopt}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(IndexClientContract, ChangesCommittedOutOfOrderEndAsTheirNumbersSay) {
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       BackUp(sessions(), NewIn(TestGroup("web1"))));
  const GroupName group = snapshot.name.group;
  const UpdateGroupChange older{
      .name = group, .owner = "bob@tls", .notes = "older"};
  const UpdateGroupChange newer{
      .name = group, .owner = std::nullopt, .notes = "newer"};
  ASSERT_OK_AND_ASSIGN(const auto first, catalog().PrepareChange({}, older));
  ASSERT_OK_AND_ASSIGN(const auto second, catalog().PrepareChange({}, newer));
  EXPECT_LT(first.sequence, second.sequence);
  ASSERT_OK(catalog().CommitChange({}, newer, second.sequence));
  ASSERT_OK(catalog().CommitChange({}, older, first.sequence));
  ASSERT_OK_AND_ASSIGN(const auto groups,
                       catalog().ListGroups({}, {.parent = Space("")}, {}));
  EXPECT_EQ(groups.items[0].notes, "newer");
  EXPECT_EQ(groups.items[0].owner, "bob@tls");

  // A namespace that is gone does not come back with an older number.
  ASSERT_OK(Change(CreateNamespaceChange{Space("b"), ""}));
  const CreateNamespaceChange create{Space("a"), ""};
  ASSERT_OK_AND_ASSIGN(const auto stale, catalog().PrepareChange({}, create));
  ASSERT_OK(Change(DeleteNamespaceChange{Space("b")}));
  EXPECT_THAT(catalog().CommitChange({}, create, stale.sequence),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(Change(create));
}

TEST_P(IndexClientContract, NumbersThatWereNeverHandedOutAreRefused) {
  const CreateNamespaceChange change{Space("a"), ""};
  ASSERT_OK_AND_ASSIGN(const auto prepared,
                       catalog().PrepareChange({}, change));
  for (const uint64_t sequence :
       {uint64_t{0}, prepared.sequence + 1, ~uint64_t{0}}) {
    EXPECT_THAT(catalog().CommitChange({}, change, sequence),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  ASSERT_OK(catalog().CommitChange({}, change, prepared.sequence));
  EXPECT_OK(catalog().CommitChange({}, change, prepared.sequence));
}

TEST_P(IndexClientContract, PagesAreProvedBeforeTheyAreStored) {
  const BuiltArchive archive = BuildArchive("a.img", 100, TestSeed());
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  const auto put = [&](std::vector<EncodedPage> pages) {
    return sessions().PutPages({}, request.ref, pages);
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EncodedPage page = archive.pages[0];
  page.bytes[page.bytes.size() - 1] ^= 1;
  EXPECT_THAT(put({{.id = Sha256("x"), .level = 0, .bytes = page.bytes}}),
              StatusIs(kInvalid));
  EXPECT_THAT(put({{.id = Sha256("x"), .level = 0, .bytes = "x"}}),
              StatusIs(kInvalid));
  EXPECT_THAT(put({}), StatusIs(kInvalid));
  EXPECT_THAT(put(std::vector<EncodedPage>(65, archive.pages[0])),
              StatusIs(kInvalid));
  // A parent comes after its children.
  EXPECT_THAT(put({archive.pages.back()}),
              StatusIs(kInvalid, ::testing::HasSubstr("child")));
  EXPECT_THAT(sessions().SaveCheckpoint({}, request.ref, archive.checkpoint, 0),
              StatusIs(kInvalid, ::testing::HasSubstr("root")));
  EXPECT_OK(PutArchive(sessions(), request.ref, archive));
  EXPECT_OK(PutArchive(sessions(), request.ref, archive));
}

TEST_P(IndexClientContract, ACheckpointNamesTheStartThatHasItsPages) {
  const BuiltArchive archive = BuildArchive("a.img", 100, TestSeed());
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK_AND_ASSIGN(const uint64_t incarnation,
                       PutAllPages(sessions(), request.ref, archive.pages));
  EXPECT_NE(incarnation, 0u);
  const auto save = [&](uint64_t start) {
    return sessions().SaveCheckpoint({}, request.ref, archive.checkpoint,
                                     start);
  };
  EXPECT_THAT(save(incarnation + 1),
              AllOf(StatusIs(absl::StatusCode::kFailedPrecondition),
                    HasReasonCode(reason::kIncarnationChanged)));
  EXPECT_TRUE(sessions()
                  .GetSession({}, {"default", request.ref.session})
                  ->archives.empty());
  ASSERT_OK(save(incarnation));
  // Saved is saved.
  EXPECT_OK(save(incarnation + 1));
}

// Two streams of one archive, of which the older has a save still under way.
TEST_P(IndexClientContract, OnlyWhoKnowsTheLastCheckpointSavesTheNext) {
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  const auto save = [&](uint64_t revision, uint64_t durable_bytes,
                        const std::string& state, uint64_t stored_bytes) {
    ArchiveCheckpoint checkpoint = BuildArchive("a.img", 0, 1).checkpoint;
    checkpoint.root.reset();
    checkpoint.revision = revision;
    checkpoint.durable_bytes = durable_bytes;
    checkpoint.builder_state = state;
    checkpoint.stored_bytes = stored_bytes;
    return sessions().SaveCheckpoint({}, request.ref, checkpoint, 0);
  };
  const auto find = [&] {
    return sessions()
        .GetSession({}, {"default", request.ref.session})
        ->archives.at(0);
  };
  EXPECT_THAT(save(0, 10, "s", 5), HasReasonCode(reason::kOffsetMismatch));
  EXPECT_THAT(save(2, 10, "s", 5), HasReasonCode(reason::kOffsetMismatch));
  ASSERT_OK(save(1, 10, "first", 5));
  ASSERT_OK(save(2, 20, "late", 9));
  // The newer stream started from the first: it is told, and resumes.
  const absl::Status stale = save(2, 20, "newer", 7);
  EXPECT_THAT(stale, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(stale, HasReasonCode(reason::kOffsetMismatch));
  EXPECT_THAT(save(2, 30, "newer", 7), HasReasonCode(reason::kOffsetMismatch));
  EXPECT_THAT(save(1, 10, "first", 5), HasReasonCode(reason::kOffsetMismatch));
  EXPECT_EQ(find().builder_state, "late");
  // The older goes on after that: it is the stale one now.
  ASSERT_OK(save(3, 30, "resumed", 8));
  EXPECT_THAT(save(3, 40, "older", 9), HasReasonCode(reason::kOffsetMismatch));
  EXPECT_OK(save(3, 30, "resumed", 8));
  EXPECT_EQ(find().builder_state, "resumed");
  EXPECT_EQ(find().stored_bytes, 9u);
}

TEST_P(IndexClientContract, CheckpointsTellHowFarEachArchiveIsDurable) {
  const NewSession request = NewIn(TestGroup("web1"));
  ASSERT_OK(sessions().OpenSession({}, request));
  ArchiveCheckpoint checkpoint = BuildArchive("a.img", 0, 1).checkpoint;
  checkpoint.root.reset();
  checkpoint.durable_bytes = 1 << 20;
  checkpoint.builder_state = std::string("state\0", 6);
  ASSERT_OK(sessions().SaveCheckpoint({}, request.ref, checkpoint, 0));
  EXPECT_OK(sessions().SaveCheckpoint({}, request.ref, checkpoint, 0));
  ArchiveCheckpoint shorter = checkpoint;
  shorter.durable_bytes -= 1;
  ++shorter.revision;
  EXPECT_THAT(sessions().SaveCheckpoint({}, request.ref, shorter, 0),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(
      const Session session,
      sessions().GetSession({}, {"default", request.ref.session}));
  ASSERT_EQ(session.archives.size(), 1u);
  EXPECT_EQ(session.archives[0].durable_bytes, 1u << 20);
  EXPECT_EQ(session.archives[0].builder_state, checkpoint.builder_state);
  EXPECT_EQ(session.archives[0].revision, 1u);
  EXPECT_EQ(session.lease, request.lease);
  EXPECT_EQ(session.client_label, request.client_label);
  EXPECT_THAT(sessions().PreparePublish({}, request.ref,
                                        {.archives = {{"a.img", 1 << 20}}}),
              HasReasonCode(reason::kArchiveOpen));
}

TEST_P(IndexClientContract, ABaseIsASnapshotOfTheSameGroup) {
  ASSERT_OK_AND_ASSIGN(const Snapshot base,
                       BackUp(sessions(), NewIn(TestGroup("web1"))));
  NewSession request = NewIn(TestGroup("web1"));
  request.base = base.name;
  ASSERT_OK_AND_ASSIGN(const Session session,
                       sessions().OpenSession({}, request));
  EXPECT_EQ(session.base, base.name);
  request = NewIn(TestGroup("web1"));
  request.base = base.name;
  request.base->time -= 1;
  EXPECT_THAT(sessions().OpenSession({}, request),
              StatusIs(absl::StatusCode::kNotFound));
  request = NewIn(TestGroup("web2"));
  request.base = base.name;
  EXPECT_THAT(sessions().OpenSession({}, request),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(IndexClientContract, ASessionKeepsWhatItMayTakeOverOfItsBase) {
  NewSession first = NewIn(TestGroup("web1"));
  first.loss_mark = 77;
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(sessions(), first));
  for (const uint64_t mark : {uint64_t{77}, uint64_t{78}, uint64_t{0}}) {
    NewSession request = NewIn(TestGroup("web1"));
    request.base = base.name;
    request.loss_mark = mark;
    const std::vector<Archive> kept =
        mark == 77 ? base.archives : std::vector<Archive>();
    ASSERT_OK_AND_ASSIGN(const Session opened,
                         sessions().OpenSession({}, request));
    EXPECT_EQ(opened.base_archives, kept);
    EXPECT_EQ(opened.loss_mark, mark);
    // What the store says by now changes nothing of the session.
    request.loss_mark = 79;
    ASSERT_OK_AND_ASSIGN(const Session again,
                         sessions().OpenSession({}, request));
    EXPECT_EQ(again.base_archives, kept);
    ASSERT_OK_AND_ASSIGN(
        const Session got,
        sessions().GetSession({}, {"default", request.ref.session}));
    EXPECT_EQ(got.base_archives, kept);
    EXPECT_EQ(got.loss_mark, mark);
    ASSERT_OK_AND_ASSIGN(const auto listed,
                         sessions().ListSessions({}, "default", true, {}));
    ASSERT_EQ(listed.items.size(), 1u);
    EXPECT_TRUE(listed.items[0].base_archives.empty());
    ASSERT_OK(sessions().AbortSession({}, request.ref));
    ASSERT_OK_AND_ASSIGN(
        const Session aborted,
        sessions().GetSession({}, {"default", request.ref.session}));
    EXPECT_TRUE(aborted.base_archives.empty());
  }
}

TEST_P(IndexClientContract, GetPagesGivesTheEncodingsToAnOpenSession) {
  const BuiltArchive archive = BuildArchive("a.img", 200, TestSeed());
  ASSERT_GT(archive.pages.size(), kMaxPageIds);
  const NewSession request = NewIn(TestGroup("web1"), 5);
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archive));
  for (int i = 0; i < 20; ++i) {
    std::vector<Digest> ids;
    std::vector<std::string> pages;
    for (size_t left = 1 + random_() % kMaxPageIds; left > 0; --left) {
      const EncodedPage& page = archive.pages[random_() % archive.pages.size()];
      ids.push_back(page.id);
      pages.push_back(page.bytes);
    }
    EXPECT_THAT(sessions().GetPages({}, request.ref, ids), IsOkAndHolds(pages));
  }
  const Digest first = archive.pages[0].id;
  const Digest absent = Sha256("no page");
  const absl::Status missing =
      sessions().GetPages({}, request.ref, {first, absent}).status();
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kDataLoss,
                                ::testing::HasSubstr(absent.ToHex())));
  EXPECT_THAT(missing, HasReasonCode(reason::kRecordMissing));
  for (const size_t count : {size_t{0}, kMaxPageIds + 1}) {
    EXPECT_THAT(
        sessions().GetPages({}, request.ref, std::vector<Digest>(count, first)),
        StatusIs(absl::StatusCode::kInvalidArgument));
  }
  SessionRef other = request.ref;
  other.datastore.generation += 1;
  EXPECT_THAT(sessions().GetPages({}, other, {first}),
              HasReasonCode(reason::kGenerationMismatch));
  other = request.ref;
  other.session.bytes[0] ^= 1;
  EXPECT_THAT(sessions().GetPages({}, other, {first}),
              HasReasonCode(reason::kSessionNotFound));
  other = request.ref;
  other.epoch += 1;
  EXPECT_THAT(sessions().GetPages({}, other, {first}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(fence().RaiseFence({}, ref_, 6, 1));
  EXPECT_THAT(sessions().GetPages({}, request.ref, {first}),
              HasReasonCode(reason::kSessionFenced));
  ASSERT_OK(sessions().AbortSession({}, request.ref));
  EXPECT_THAT(sessions().GetPages({}, request.ref, {first}),
              HasReasonCode(reason::kSessionEnded));
}

TEST_P(IndexClientContract, TheFenceShutsOutSessionsThatASweepHasOvertaken) {
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  const NewSession old = NewIn(TestGroup("web1"), 5);
  const NewSession young = NewIn(TestGroup("web2"), 6);
  ASSERT_OK(sessions().OpenSession({}, old));
  ASSERT_OK(PutArchive(sessions(), old.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const auto prepared,
      sessions().PreparePublish({}, old.ref, RequestFor({archive})));
  ASSERT_OK(sessions().OpenSession({}, young));
  ASSERT_OK_AND_ASSIGN(const FenceState raised,
                       fence().RaiseFence({}, ref_, 6, 3));
  EXPECT_EQ(raised.fence, 6u);
  EXPECT_EQ(raised.highest_epoch, 6u);
  EXPECT_EQ(raised.highest_token, 3u);
  EXPECT_GE(raised.sequence, prepared.sequence);

  EXPECT_THAT(sessions().PutPages({}, old.ref, archive.pages),
              HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(sessions().SaveCheckpoint({}, old.ref, archive.checkpoint, 0),
              HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(sessions().PreparePublish({}, old.ref, RequestFor({archive})),
              HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(sessions().CommitPublish({}, old.ref, prepared.sequence),
              HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(sessions().OpenSession({}, old),
              HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(sessions().OpenSession({}, NewIn(TestGroup("web3"), 5)),
              HasReasonCode(reason::kSessionFenced));
  ASSERT_OK_AND_ASSIGN(const Session seen,
                       sessions().GetSession({}, {"default", old.ref.session}));
  EXPECT_EQ(seen.state, SessionState::kFenced);
  ASSERT_OK_AND_ASSIGN(const auto open,
                       sessions().ListSessions({}, "default", true, {}));
  ASSERT_EQ(open.items.size(), 1u);
  EXPECT_EQ(open.items[0].ref, young.ref);
  EXPECT_OK(PutArchive(sessions(), young.ref, archive));
  EXPECT_OK(sessions().AbortSession({}, old.ref));
}

TEST_P(IndexClientContract, TheFenceNeverGoesBack) {
  ASSERT_OK(fence().RaiseFence({}, ref_, 6, 3));
  ASSERT_OK_AND_ASSIGN(const FenceState lower,
                       fence().RaiseFence({}, ref_, 4, 3));
  EXPECT_EQ(lower.fence, 6u);
  EXPECT_THAT(fence().RaiseFence({}, ref_, 9, 2),
              HasReasonCode(reason::kStaleToken));
  ASSERT_OK_AND_ASSIGN(const FenceState state, fence().GetFence({}, ref_));
  EXPECT_EQ(state.fence, 6u);
  EXPECT_EQ(state.highest_token, 3u);
}

TEST_P(IndexClientContract, AnotherGenerationIsAnotherIndex) {
  DatastoreRef other = ref_;
  other.generation = 2;
  NewSession request = NewIn(TestGroup("web1"));
  request.ref.datastore = other;
  EXPECT_THAT(sessions().OpenSession({}, request),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_THAT(fence().GetFence({}, other),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_THAT(fence().RaiseFence({}, other, 1, 1),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_THAT(sessions().AbortSession({}, request.ref),
              HasReasonCode(reason::kGenerationMismatch));
  other.uuid = Uuid::Random(random_);
  EXPECT_THAT(fence().GetFence({}, other),
              HasReasonCode(reason::kDatastoreUnknown));
}

TEST_P(IndexClientContract, UnknownSessionsAreNotFound) {
  const NewSession request = NewIn(TestGroup("web1"));
  EXPECT_THAT(sessions().GetSession({}, {"default", request.ref.session}),
              HasReasonCode(reason::kSessionNotFound));
  EXPECT_THAT(sessions().AbortSession({}, request.ref),
              HasReasonCode(reason::kSessionNotFound));
  EXPECT_THAT(sessions().CommitPublish({}, request.ref, 1),
              HasReasonCode(reason::kSessionNotFound));
}

TEST_P(IndexClientContract, NewestFirstFindsTheNewestAtOnce) {
  std::vector<int64_t> times = {1, 2, 1000000, 1000001, 1795293000};
  for (const int64_t time : times) {
    NewSession request = NewIn(TestGroup("web1"));
    request.backup_time = time;
    ASSERT_OK(BackUp(sessions(), request));
  }
  std::reverse(times.begin(), times.end());
  SnapshotQuery query{
      .parent = Space(""), .group = TestGroup("web1"), .newest_first = true};
  PageRequest page{.page_size = 1, .page_token = ""};
  for (size_t i = 0; i < times.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(const auto found,
                         catalog().ListSnapshots({}, query, page));
    ASSERT_EQ(found.items.size(), 1u);
    EXPECT_EQ(found.items[0].name.time, times[i]);
    page.page_token = found.next_page_token;
    EXPECT_EQ(page.page_token.empty(), i + 1 == times.size());
  }
}

TEST_P(IndexClientContract, ListsRefuseTokensOfOtherQueries) {
  for (const char* id : {"web1", "web2", "web3"}) {
    ASSERT_OK(BackUp(sessions(), NewIn(TestGroup(id))));
  }
  const PageRequest first{.page_size = 1, .page_token = ""};
  ASSERT_OK_AND_ASSIGN(const auto groups,
                       catalog().ListGroups({}, {.parent = Space("")}, first));
  ASSERT_NE(groups.next_page_token, "");
  const PageRequest next{.page_size = 1, .page_token = groups.next_page_token};
  EXPECT_OK(catalog().ListGroups({}, {.parent = Space("")}, next));
  EXPECT_THAT(
      catalog().ListGroups({}, {.parent = Space(""), .max_depth = 1}, next),
      HasReasonCode(reason::kPageTokenInvalid));
  EXPECT_THAT(catalog().ListSnapshots({}, {.parent = Space("")}, next),
              HasReasonCode(reason::kPageTokenInvalid));
  EXPECT_THAT(catalog().ListDatastores({}, next),
              HasReasonCode(reason::kPageTokenInvalid));
  EXPECT_THAT(sessions().ListSessions({}, "default", false, next),
              HasReasonCode(reason::kPageTokenInvalid));
}

TEST_P(IndexClientContract, ListsOfWhatDoesNotExistAreNotFound) {
  EXPECT_THAT(catalog().ListGroups({}, {.parent = Space("none")}, {}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(catalog().ListNamespaces({}, {.parent = Space("none")}, {}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(catalog().ListSnapshots({}, {.parent = Space("none")}, {}),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(
      const auto none,
      catalog().ListSnapshots(
          {}, {.parent = Space(""), .group = TestGroup("none")}, {}));
  EXPECT_TRUE(none.items.empty());
}

}  // namespace cairn
