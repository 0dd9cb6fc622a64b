// Cuts power around every commit of a backup's life, and checks what index
// has promised by then.

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

// What index has answered OK to, and so may never forget.
struct Promised {
  std::optional<SnapshotName> opened;
  std::map<std::string, ArchiveCheckpoint> checkpoints;
  uint64_t prepared = 0;  // sequence
  Digest manifest;
  std::vector<SnapshotName> published;
  bool aborted = false;
  uint64_t fence = 0;
  std::set<uint64_t> sequences;
  std::set<std::string> namespaces;
};

class CrashTest : public ::testing::Test {
 protected:
  CrashTest()
      : random_(TestSeed()),
        archives_({BuildArchive("a.img", 40, 1), BuildArchive("b.img", 9, 2)}) {
  }

  void Open() {
    std::mt19937_64 random(1);
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
    request_ = NewTestSession(ref_, TestGroup("web1", "a"), 5, random_);
    promised_ = {};
  }
  LocalIndexClient& client() { return index_->client(); }

  // A whole life of the session, recording each promise as it is made. Ends
  // at the first error, which is that of the lost power.
  absl::Status Live() {
    const CreateNamespaceChange change{request_.group.parent, ""};
    auto created = client().PrepareChange({}, change);
    if (!created.ok()) return created.status();
    EXPECT_TRUE(promised_.sequences.insert(created->sequence).second);
    absl::Status status = client().CommitChange({}, change, created->sequence);
    if (!status.ok()) return status;
    promised_.namespaces.insert("a");

    auto opened = client().OpenSession({}, request_);
    if (!opened.ok()) return opened.status();
    promised_.opened = opened->snapshot;
    for (const BuiltArchive& archive : archives_) {
      status = PutArchive(client(), request_.ref, archive);
      if (!status.ok()) return status;
      promised_.checkpoints[archive.checkpoint.name] = archive.checkpoint;
    }
    auto raised = client().RaiseFence({}, ref_, 4, 7);
    if (!raised.ok()) return raised.status();
    promised_.fence = raised->fence;
    auto prepared =
        client().PreparePublish({}, request_.ref, RequestFor(archives_));
    if (!prepared.ok()) return prepared.status();
    EXPECT_TRUE(promised_.sequences.insert(prepared->sequence).second);
    promised_.prepared = prepared->sequence;
    promised_.manifest = prepared->manifest.key.digest;
    auto published =
        client().CommitPublish({}, request_.ref, prepared->sequence);
    if (!published.ok()) return published.status();
    promised_.published.push_back(published->name);
    return absl::OkStatus();
  }

  void CheckPromises() {
    auto session = client().GetSession({}, {"default", request_.ref.session});
    if (promised_.opened.has_value()) {
      ASSERT_OK(session);
      EXPECT_EQ(session->snapshot, *promised_.opened);
    }
    for (const auto& [name, checkpoint] : promised_.checkpoints) {
      bool found = false;
      for (const ArchiveCheckpoint& known : session->archives) {
        if (known.name != name) continue;
        found = true;
        EXPECT_EQ(known.durable_bytes, checkpoint.durable_bytes);
        EXPECT_EQ(known.root, checkpoint.root);
      }
      EXPECT_TRUE(found) << name;
    }
    for (const std::string& path : promised_.namespaces) {
      EXPECT_OK(
          client().ListGroups({}, {.parent = TestGroup("x", path).parent}, {}));
    }
    ASSERT_OK_AND_ASSIGN(const FenceState fence, client().GetFence({}, ref_));
    EXPECT_GE(fence.fence, promised_.fence);
    CheckWholeOrNothing(session.ok() ? session->state : SessionState::kOpen);
  }

  // A snapshot that is listed is whole: with its group, the end of its
  // session, and every page.
  void CheckWholeOrNothing(SessionState state) {
    auto snapshots = client().ListSnapshots(
        {}, {.parent = TestGroup("x").parent, .max_depth = 8}, {});
    ASSERT_OK(snapshots);
    auto groups = client().ListGroups(
        {}, {.parent = TestGroup("x").parent, .max_depth = 8}, {});
    ASSERT_OK(groups);
    EXPECT_EQ(groups->items.size(), snapshots->items.size());
    EXPECT_GE(snapshots->items.size(), promised_.published.size());
    EXPECT_EQ(state == SessionState::kPublished, !snapshots->items.empty());
    auto counted = client().GetStatistics({}, "default");
    ASSERT_OK(counted);
    EXPECT_EQ(counted->snapshot_count, snapshots->items.size());
    uint64_t logical_bytes = 0;
    for (const Snapshot& snapshot : snapshots->items) {
      logical_bytes += snapshot.size_bytes();
    }
    EXPECT_EQ(counted->logical_bytes, logical_bytes);
    for (const Snapshot& snapshot : snapshots->items) {
      ASSERT_EQ(snapshot.archives.size(), archives_.size());
      for (const BuiltArchive& archive : archives_) {
        auto found =
            client().FindEntries({}, {snapshot.name, archive.checkpoint.name},
                                 0, ~uint64_t{0}, 4096);
        ASSERT_OK(found);
        EXPECT_EQ(found->entries, archive.entries);
      }
    }
  }

  FakeClock clock_;
  std::mt19937_64 random_;
  const std::vector<BuiltArchive> archives_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
  NewSession request_;
  Promised promised_;
};

TEST_F(CrashTest, PromisesOutliveAPowerCutAfterEveryCommit) {
  bool finished = false;
  for (uint64_t commits = 1; !finished; ++commits) {
    ASSERT_LT(commits, 100u);
    for (int round = 0; round < 5; ++round) {
      Open();
      // Power fails with the commit of this number.
      index_->kv().FailCommitsFrom(commits,
                                   absl::UnavailableError("power is lost"));
      finished = Live().ok();
      ASSERT_OK(index_->Restart(random_));
      // So that what is made anew is not what was made before.
      clock_.Advance(absl::Seconds(1));
      CheckPromises();
      if (HasFatalFailure()) return;
      // The same again: what was lost is done anew, what was done stays.
      const Promised before = promised_;
      const CreateNamespaceChange change{request_.group.parent, ""};
      auto created = client().PrepareChange({}, change);
      if (created.ok()) {
        EXPECT_EQ(before.namespaces.size(), 0u);
        EXPECT_TRUE(promised_.sequences.insert(created->sequence).second)
            << "number " << created->sequence << " was given twice";
        ASSERT_OK(client().CommitChange({}, change, created->sequence));
      }
      ASSERT_OK(client().OpenSession({}, request_));
      auto session = client().GetSession({}, {"default", request_.ref.session});
      ASSERT_OK(session);
      if (session->state == SessionState::kOpen) {
        for (const BuiltArchive& archive : archives_) {
          ASSERT_OK(PutArchive(client(), request_.ref, archive));
        }
      }
      auto prepared =
          client().PreparePublish({}, request_.ref, RequestFor(archives_));
      ASSERT_OK(prepared);
      if (before.prepared != 0) {
        EXPECT_EQ(prepared->sequence, before.prepared);
        if (!prepared->published.has_value()) {
          EXPECT_EQ(prepared->manifest.key.digest, before.manifest);
        }
      }
      ASSERT_OK_AND_ASSIGN(
          const Snapshot snapshot,
          client().CommitPublish({}, request_.ref, prepared->sequence));
      promised_.published = {snapshot.name};
      CheckPromises();
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(CrashTest, APublishedSnapshotSurvivesThePowerCutRightAfterItsAnswer) {
  for (int round = 0; round < 20; ++round) {
    Open();
    ASSERT_OK(Live());
    ASSERT_OK(index_->Restart(random_));
    CheckPromises();
    ASSERT_OK_AND_ASSIGN(
        const Snapshot snapshot,
        client().CommitPublish({}, request_.ref, promised_.prepared));
    EXPECT_EQ(snapshot.name, promised_.published[0]);
  }
}

// A sweep has dropped a page and not yet the one that names it. A session
// stores the first anew and finds the other; what it stored is lost.
TEST_F(CrashTest, AnArchiveIsNotSavedOnceItsPagesMayBeLost) {
  bool was_lost = false;
  for (int round = 0; round < 50 && !was_lost; ++round) {
    Open();
    const BuiltArchive& archive = archives_[0];
    const EncodedPage& child = archive.pages.front();
    ASSERT_GT(archive.checkpoint.root->level, 0);
    const NewSession former =
        NewTestSession(ref_, TestGroup("web1"), 5, random_);
    ASSERT_OK(client().OpenSession({}, former));
    ASSERT_OK(PutArchive(client(), former.ref, archive));
    IndexBatch drop(ref_.uuid);
    drop.RemovePage(child.id);
    ASSERT_OK(index_->kv().Commit(drop.changes(), Durability::kSynced));
    const NewSession request =
        NewTestSession(ref_, TestGroup("web2"), 5, random_);
    ASSERT_OK(client().OpenSession({}, request));
    ASSERT_OK_AND_ASSIGN(const uint64_t incarnation,
                         PutAllPages(client(), request.ref, archive.pages));
    ASSERT_OK(index_->Restart(random_));
    IndexStore store(&index_->kv());
    ASSERT_OK_AND_ASSIGN(const auto rows,
                         store.GetPages(ref_.uuid, std::span(&child.id, 1)));
    was_lost = !rows[0].has_value();
    EXPECT_THAT(client().SaveCheckpoint({}, request.ref, archive.checkpoint,
                                        incarnation),
                HasReasonCode(reason::kIncarnationChanged));
    // Stored again, it is whole.
    ASSERT_OK(PutArchive(client(), request.ref, archive));
    ASSERT_OK_AND_ASSIGN(
        const PreparedPublish prepared,
        client().PreparePublish({}, request.ref, RequestFor({archive})));
    ASSERT_OK_AND_ASSIGN(
        const Snapshot snapshot,
        client().CommitPublish({}, request.ref, prepared.sequence));
    ASSERT_OK_AND_ASSIGN(
        const ArchiveEntries found,
        client().FindEntries({}, {snapshot.name, archive.checkpoint.name}, 0,
                             ~uint64_t{0}, 4096));
    EXPECT_EQ(found.entries, archive.entries);
  }
  EXPECT_TRUE(was_lost);
}

TEST_F(CrashTest, AnAbortOutlivesAPowerCut) {
  for (int round = 0; round < 20; ++round) {
    Open();
    const NewSession request =
        NewTestSession(ref_, TestGroup("web2"), 5, random_);
    ASSERT_OK(client().OpenSession({}, request));
    ASSERT_OK(client().AbortSession({}, request.ref));
    ASSERT_OK(index_->Restart(random_));
    ASSERT_OK_AND_ASSIGN(
        const Session session,
        client().GetSession({}, {"default", request.ref.session}));
    EXPECT_EQ(session.state, SessionState::kAborted);
  }
}

TEST_F(CrashTest, NoSequenceNumberIsGivenTwice) {
  Open();
  const CreateNamespaceChange change{request_.group.parent, ""};
  std::set<uint64_t> given;
  uint64_t last = 0;
  for (int i = 0; i < 3000; ++i) {
    if (random_() % 100 == 0) {
      ASSERT_OK(index_->Restart(random_));
      ASSERT_OK_AND_ASSIGN(const FenceState state, client().GetFence({}, ref_));
      EXPECT_GE(state.sequence, last);
    }
    ASSERT_OK_AND_ASSIGN(const PreparedChange prepared,
                         client().PrepareChange({}, change));
    EXPECT_TRUE(given.insert(prepared.sequence).second);
    EXPECT_GT(prepared.sequence, last);
    last = prepared.sequence;
  }
}

TEST_F(CrashTest, TheDefaultDatastoreIsMadeOnce) {
  Open();
  const DatastoreRef first = ref_;
  for (int round = 0; round < 5; ++round) {
    ASSERT_OK(index_->Restart(random_));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         client().GetDatastore({}, "default"));
    EXPECT_EQ(datastore.ref, first);
  }
}

TEST_F(CrashTest, ADamagedIndexDoesNotOpen) {
  for (const Table table : {Table::kDatastores, Table::kState}) {
    Open();
    KvBatch batch;
    const auto view = index_->kv().NewView();
    const auto cursor = view->Scan(static_cast<KvTable>(table), "", "");
    ASSERT_TRUE(cursor->Valid());
    batch.Put(static_cast<KvTable>(table), std::string(cursor->key()), "x");
    ASSERT_OK(index_->kv().Commit(batch, Durability::kSynced));
    EXPECT_THAT(index_->Restart(random_),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace cairn::index
