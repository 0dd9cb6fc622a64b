// Limits, purges, touches and damage: what the contract suite cannot reach
// through a client.

#include <cstddef>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/domain/session_rules.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/fence.h"
#include "services/index/engine/session_catalog.h"
#include "services/index/engine/session_pages.h"

namespace cairn::index {
namespace {

const Call kService = {.caller = {.kind = CallerKind::kLocal,
                                  .role = CallerRole::kIngest,
                                  .principal = "test@service"}};

class SessionLimitsTest : public ::testing::Test {
 protected:
  SessionLimitsTest() : random_(TestSeed()) {}

  void SetUp() override {
    std::mt19937_64 random(1);
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
  }
  LocalIndexClient& client() { return index_->client(); }
  NewSession NewIn(const std::string& group, uint64_t epoch = 5) {
    return NewTestSession(ref_, TestGroup(group), epoch, random_);
  }
  size_t CountRows(Table table) {
    const auto view = index_->kv().NewView();
    const auto cursor = view->Scan(static_cast<KvTable>(table), "", "");
    size_t rows = 0;
    for (; cursor->Valid(); cursor->Next()) ++rows;
    return rows;
  }
  void Replace(Table table, const std::string& value) {
    const auto view = index_->kv().NewView();
    const auto cursor = view->Scan(static_cast<KvTable>(table), "", "");
    KvBatch batch;
    for (; cursor->Valid(); cursor->Next()) {
      batch.Put(static_cast<KvTable>(table), std::string(cursor->key()), value);
    }
    ASSERT_OK(index_->kv().Commit(batch, Durability::kSynced));
  }

  FakeClock clock_;
  std::mt19937_64 random_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
};

TEST_F(SessionLimitsTest, EndedSessionsArePurgedAfterAWeekAFewAtATime) {
  std::set<Uuid> open;
  for (int i = 0; i < 40; ++i) {
    const NewSession request = NewIn(std::to_string(i));
    if (i % 2 == 0) {
      ASSERT_OK(BackUp(client(), request));
    } else {
      ASSERT_OK(client().OpenSession({}, request));
      open.insert(request.ref.session);
    }
  }
  EXPECT_EQ(CountRows(Table::kSessions), 40u);
  EXPECT_EQ(CountRows(Table::kCheckpoints), 20u);
  clock_.Advance(kEndedSessionTime - absl::Seconds(1));
  ASSERT_OK(client().OpenSession({}, NewIn("a")));
  EXPECT_EQ(CountRows(Table::kSessions), 41u);
  clock_.Advance(absl::Seconds(1));
  // Each call looks at four rows, one of them for the second time.
  for (int i = 0; i < 60; ++i) {
    const size_t before = CountRows(Table::kSessions);
    ASSERT_OK(client().OpenSession({}, NewIn("n" + std::to_string(i))));
    EXPECT_GE(CountRows(Table::kSessions) + 4, before + 1);
  }
  EXPECT_EQ(CountRows(Table::kCheckpoints), 0u);
  EXPECT_EQ(CountRows(Table::kSessions), 20u + 1u + 60u);
  for (const Uuid& id : open) {
    EXPECT_OK(client().GetSession({}, {"default", id}));
  }
  // What they published stays.
  ASSERT_OK_AND_ASSIGN(
      const auto snapshots,
      client().ListSnapshots({}, {.parent = TestGroup("x").parent}, {}));
  EXPECT_EQ(snapshots.items.size(), 20u);
}

TEST_F(SessionLimitsTest, ARowIsKeptUntilItsManifestIsCancelled) {
  const NewSession request = NewIn("web1");
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  ASSERT_OK_AND_ASSIGN(const Session session,
                       client().OpenSession({}, request));
  ASSERT_OK(PutArchive(client(), request.ref, archive));
  ASSERT_OK(client().PreparePublish({}, request.ref, RequestFor({archive})));
  ASSERT_OK(client().AbortSession({}, request.ref));
  const SessionName name{"default", request.ref.session};
  const auto purge = [&] {
    clock_.Advance(kEndedSessionTime);
    for (int i = 0; i < 4; ++i) {
      const NewSession other = NewIn("other");
      ASSERT_OK(client().OpenSession({}, other));
      ASSERT_OK(client().AbortSession({}, other.ref));
    }
  };
  purge();
  ASSERT_OK(client().GetSession({}, name));
  // Also after a crash between the two halves of the cancelling, and known
  // from the start.
  const RefusedPublishChange refused{
      .name = session.snapshot, .session = request.ref.session, .manifest = {}};
  ASSERT_OK(client().PrepareChange({}, refused));
  ASSERT_OK(index_->Restart(random_));
  purge();
  ASSERT_OK_AND_ASSIGN(const auto listed,
                       client().ListUncancelled({}, "default", {}));
  ASSERT_EQ(listed.items.size(), 1u);
  EXPECT_EQ(listed.items[0].ref, request.ref);
  ASSERT_OK_AND_ASSIGN(const PreparedChange change,
                       client().PrepareChange({}, refused));
  ASSERT_OK(client().CommitChange({}, refused, change.sequence));
  purge();
  purge();
  EXPECT_THAT(client().GetSession({}, name),
              HasReasonCode(reason::kSessionNotFound));
}

TEST_F(SessionLimitsTest, AStateWithoutCountsIsCountedAtTheStart) {
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       BackUp(client(), NewIn("web1")));
  IndexStore store(&index_->kv());
  ASSERT_OK_AND_ASSIGN(IndexState state, store.GetState(ref_.uuid));
  EXPECT_TRUE(state.counted);
  state.counted = false;
  state.snapshot_count = 0;
  state.logical_bytes = 0;
  IndexBatch batch(ref_.uuid);
  batch.PutState(state);
  ASSERT_OK(store.Commit(batch, Durability::kSynced));
  ASSERT_OK(index_->Restart(random_));
  ASSERT_OK_AND_ASSIGN(const CatalogStatistics counted,
                       client().GetStatistics({}, "default"));
  EXPECT_EQ(counted.snapshot_count, 1u);
  EXPECT_EQ(counted.logical_bytes, snapshot.size_bytes());
  ASSERT_OK(BackUp(client(), NewIn("web2")));
  ASSERT_OK(index_->Restart(random_));
  ASSERT_OK_AND_ASSIGN(const CatalogStatistics more,
                       client().GetStatistics({}, "default"));
  EXPECT_EQ(more.snapshot_count, 2u);
}

TEST_F(SessionLimitsTest, ArchivesAndBuilderStatesOfASessionAreBounded) {
  const NewSession request = NewIn("web1");
  ASSERT_OK(client().OpenSession({}, request));
  ArchiveCheckpoint checkpoint = BuildArchive("x", 0, 1).checkpoint;
  checkpoint.root.reset();
  for (int i = 0; i < 256; ++i) {
    checkpoint.name = "archive" + std::to_string(i);
    ASSERT_OK(client().SaveCheckpoint({}, request.ref, checkpoint, 0));
  }
  checkpoint.name = "one-too-many";
  EXPECT_THAT(client().SaveCheckpoint({}, request.ref, checkpoint, 0),
              HasReasonCode(reason::kLimitExceeded));
  checkpoint.builder_state = std::string(1 << 20, 's');
  checkpoint.revision = 2;
  for (int i = 0; i < 3; ++i) {
    checkpoint.name = "archive" + std::to_string(i);
    ASSERT_OK(client().SaveCheckpoint({}, request.ref, checkpoint, 0));
    ASSERT_OK(client().SaveCheckpoint({}, request.ref, checkpoint, 0));
  }
  checkpoint.name = "archive3";
  EXPECT_THAT(client().SaveCheckpoint({}, request.ref, checkpoint, 0),
              HasReasonCode(reason::kLimitExceeded));
}

TEST_F(SessionLimitsTest, CheckpointsAreFinalOnceAPublishIsPrepared) {
  const NewSession request = NewIn("web1");
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  ASSERT_OK(client().OpenSession({}, request));
  ASSERT_OK(PutArchive(client(), request.ref, archive));
  ASSERT_OK(client().PreparePublish({}, request.ref, RequestFor({archive})));
  const BuiltArchive other = BuildArchive("b.img", 10, 2);
  ASSERT_OK(PutAllPages(client(), request.ref, other.pages));
  EXPECT_THAT(client().SaveCheckpoint({}, request.ref, other.checkpoint, 0),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(client().SaveCheckpoint({}, request.ref, archive.checkpoint, 0));
}

TEST_F(SessionLimitsTest, ABaseThatFailedItsVerifyOrIsGoneIsRefused) {
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(client(), NewIn("web1")));
  IndexStore store(&index_->kv());
  ASSERT_OK_AND_ASSIGN(auto row,
                       store.NewView(ref_.uuid).GetSnapshot(base.name));
  NewSession good = NewIn("web1");
  good.base = base.name;
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  ASSERT_OK(client().OpenSession({}, good));
  ASSERT_OK(PutArchive(client(), good.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const PreparedPublish prepared,
      client().PreparePublish({}, good.ref, RequestFor({archive})));

  row->verification.state = VerifyState::kFailed;
  IndexBatch batch(ref_.uuid);
  batch.PutSnapshot(base.name, *row);
  ASSERT_OK(store.Commit(batch, Durability::kSynced));
  NewSession late = NewIn("web1");
  late.base = base.name;
  EXPECT_THAT(client().OpenSession({}, late),
              StatusIs(absl::StatusCode::kFailedPrecondition));

  KvBatch removal;
  const auto view = index_->kv().NewView();
  const auto cursor =
      view->Scan(static_cast<KvTable>(Table::kSnapshots), "", "");
  removal.Remove(static_cast<KvTable>(Table::kSnapshots),
                 std::string(cursor->key()));
  ASSERT_OK(index_->kv().Commit(removal, Durability::kSynced));
  const absl::Status gone =
      client().CommitPublish({}, good.ref, prepared.sequence).status();
  EXPECT_THAT(gone, StatusIs(absl::StatusCode::kFailedPrecondition,
                             ::testing::HasSubstr("base snapshot")));
  EXPECT_THAT(gone, HasReasonCode(reason::kBaseGone));
}

TEST_F(SessionLimitsTest, ALostRootPageKeepsASnapshotFromBeingListed) {
  const NewSession request = NewIn("web1");
  const BuiltArchive archive = BuildArchive("a.img", 10, 1);
  ASSERT_OK(client().OpenSession({}, request));
  ASSERT_OK(PutArchive(client(), request.ref, archive));
  ASSERT_OK_AND_ASSIGN(
      const PreparedPublish prepared,
      client().PreparePublish({}, request.ref, RequestFor({archive})));
  KvBatch removal;
  const auto view = index_->kv().NewView();
  const auto cursor = view->Scan(static_cast<KvTable>(Table::kPages), "", "");
  for (; cursor->Valid(); cursor->Next()) {
    removal.Remove(static_cast<KvTable>(Table::kPages),
                   std::string(cursor->key()));
  }
  ASSERT_OK(index_->kv().Commit(removal, Durability::kSynced));
  EXPECT_THAT(client().CommitPublish({}, request.ref, prepared.sequence),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(CountRows(Table::kSnapshots), 0u);
}

TEST_F(SessionLimitsTest, DamagedPagesAreDataLossThatNamesThemAndHeal) {
  const BuiltArchive archive = BuildArchive("root.pxa", 5, 1);
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       BackUp(client(), NewIn("web1")));
  Replace(Table::kPages, "garbage");
  ASSERT_OK(index_->Restart(random_));
  const ArchiveName name{snapshot.name, "root.pxa"};
  EXPECT_THAT(
      client().FindEntries({}, name, 0, 1, 10),
      StatusIs(absl::StatusCode::kDataLoss,
               ::testing::HasSubstr(archive.checkpoint.root->page.ToHex())));
  // The next backup that hands the pages in stores them anew.
  ASSERT_OK(BackUp(client(), NewIn("web2")));
  EXPECT_OK(client().FindEntries({}, name, 0, 1, 10));
}

TEST_F(SessionLimitsTest, DamagedSessionRowsAreDataLossThatNamesThem) {
  const NewSession request = NewIn("web1");
  ASSERT_OK(client().OpenSession({}, request));
  Replace(Table::kSessions, "garbage");
  for (const absl::Status& status :
       {client().GetSession({}, {"default", request.ref.session}).status(),
        client().ListSessions({}, "default", false, {}).status(),
        client().AbortSession({}, request.ref),
        client().CommitPublish({}, request.ref, 1).status()}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss,
                                 ::testing::HasSubstr("table sessions")));
  }
}

TEST_F(SessionLimitsTest, ACancelledReadEnds) {
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       BackUp(client(), NewIn("web1")));
  CancellationToken token;
  token.Cancel();
  Call call;
  call.cancellation = &token;
  EXPECT_THAT(client().FindEntries(call, {snapshot.name, "root.pxa"}, 0, 1, 10),
              StatusIs(absl::StatusCode::kCancelled));
}

// The engine's parts over a store, with limits of the test.
class EnginePartsTest : public ::testing::Test {
 protected:
  EnginePartsTest()
      : random_(TestSeed()),
        metrics_(&registry_metrics_),
        kv_(TableNames().size()),
        store_(&kv_) {}

  void Open(size_t max_open_sessions) {
    std::mt19937_64 random(1);
    ASSERT_OK_AND_ASSIGN(registry_,
                         DatastoreRegistry::Open({}, &store_, clock_, random));
    ASSERT_OK_AND_ASSIGN(state_, registry_->FindByName("default"));
    sessions_ = std::make_unique<SessionCatalog>(
        SessionCatalog::Options{.max_open_sessions = max_open_sessions},
        &store_, registry_.get(), &clock_, &metrics_);
    pages_ = std::make_unique<SessionPages>(&store_, registry_.get(),
                                            /*incarnation=*/1, &metrics_);
  }
  NewSession NewIn(const std::string& group, uint64_t epoch) {
    return NewTestSession(state_->info.ref, TestGroup(group), epoch, random_);
  }
  uint64_t TouchOf(const Digest& page) {
    absl::MutexLock lock(&state_->touch_mutex);
    return state_->touches.Get(page);
  }

  FakeClock clock_;
  std::mt19937_64 random_;
  MetricRegistry registry_metrics_;
  IndexMetrics metrics_;
  MemoryKvStore kv_;
  IndexStore store_;
  std::unique_ptr<DatastoreRegistry> registry_;
  DatastoreState* state_ = nullptr;
  std::unique_ptr<SessionCatalog> sessions_;
  std::unique_ptr<SessionPages> pages_;
};

TEST_F(EnginePartsTest, OpenSessionsAreBoundedAlsoAfterARestart) {
  Open(3);
  std::vector<NewSession> requests;
  for (int i = 0; i < 3; ++i) {
    requests.push_back(NewIn(std::to_string(i), 5));
    ASSERT_OK(sessions_->Open(kService, requests.back()));
  }
  Open(3);
  EXPECT_THAT(sessions_->Open(kService, NewIn("more", 5)),
              HasReasonCode(reason::kLimitExceeded));
  // One that is there already is no new one.
  EXPECT_OK(sessions_->Open(kService, requests[0]));
  ASSERT_OK(sessions_->Abort(requests[0].ref));
  EXPECT_OK(sessions_->Open(kService, NewIn("more", 5)));
  EXPECT_EQ(registry_->CountOpenSessions(), 3u);
}

TEST_F(EnginePartsTest, UncancelledManifestsAreBoundedAlsoAfterARestart) {
  Open(2);
  for (const std::string group : {"aborted", "fenced"}) {
    const NewSession request = NewIn(group, group == "fenced" ? 5 : 9);
    ASSERT_OK(sessions_->Open(kService, request));
    ASSERT_OK_AND_ASSIGN(
        auto row,
        store_.NewView(state_->info.ref.uuid).GetSession(request.ref.session));
    row->publish_sequence = 3;
    IndexBatch batch(state_->info.ref.uuid);
    batch.PutSession(request.ref.session, *row);
    ASSERT_OK(store_.Commit(batch, Durability::kSynced));
    if (group == "aborted") {
      ASSERT_OK(sessions_->Abort(request.ref));
    }
  }
  Fence fence(&store_, registry_.get(), &metrics_);
  ASSERT_OK(fence.Raise(state_->info.ref, 6, 1));
  EXPECT_EQ(registry_->CountOpenSessions(), 0u);
  const absl::Status refused =
      sessions_->Open(kService, NewIn("more", 9)).status();
  EXPECT_THAT(refused, HasReasonCode(reason::kLimitExceeded));
  EXPECT_TRUE(RetryDelayOf(refused).has_value());
  Open(2);
  EXPECT_THAT(sessions_->Open(kService, NewIn("more", 9)),
              HasReasonCode(reason::kLimitExceeded));
  Open(3);
  EXPECT_OK(sessions_->Open(kService, NewIn("more", 9)));
}

TEST_F(EnginePartsTest, PagesOfASessionAreTouchedWithItsEpoch) {
  Open(10);
  const BuiltArchive archive = BuildArchive("a.img", 60, TestSeed());
  const NewSession first = NewIn("web1", 5);
  const NewSession second = NewIn("web2", 9);
  ASSERT_OK(sessions_->Open(kService, first));
  const auto put = [&](const SessionRef& session) {
    for (const EncodedPage& page : archive.pages) {
      ASSERT_OK(pages_->PutPages(session, {page}));
    }
  };
  put(first.ref);
  for (const EncodedPage& page : archive.pages) {
    EXPECT_EQ(TouchOf(page.id), 5u);
  }
  // Pages that are there already are promised anew.
  ASSERT_OK(sessions_->Open(kService, second));
  put(second.ref);
  for (const EncodedPage& page : archive.pages) {
    EXPECT_EQ(TouchOf(page.id), 9u);
  }
  // After a restart every page counts as touched by the newest session.
  Open(10);
  EXPECT_EQ(TouchOf(Digest{}), 9u);
}

TEST_F(EnginePartsTest, AParentTouchesItsChildrenAndACheckpointItsRoot) {
  Open(10);
  const BuiltArchive archive = BuildArchive("a.img", 60, TestSeed());
  const NewSession first = NewIn("web1", 5);
  ASSERT_OK(sessions_->Open(kService, first));
  for (const EncodedPage& page : archive.pages) {
    ASSERT_OK(pages_->PutPages(first.ref, {page}));
  }
  const NewSession second = NewIn("web2", 9);
  ASSERT_OK(sessions_->Open(kService, second));
  ASSERT_OK(pages_->SaveCheckpoint(second.ref, archive.checkpoint, 0));
  EXPECT_EQ(TouchOf(archive.checkpoint.root->page), 9u);
  const EncodedPage& root = archive.pages.back();
  ASSERT_GT(root.level, 0u);
  ASSERT_OK(pages_->PutPages(second.ref, {root}));
  ASSERT_OK_AND_ASSIGN(const Page decoded, DecodePage(root.bytes));
  for (const PageChild& child : decoded.children) {
    EXPECT_EQ(TouchOf(child.page), 9u);
  }
}

TEST_F(EnginePartsTest, AClientWritesItsOwnGroupsOnly) {
  Open(10);
  const Call ann = {.caller = {.kind = CallerKind::kTls,
                               .role = CallerRole::kBackup,
                               .principal = "ann@tls"}};
  EXPECT_OK(sessions_->Open(ann, NewIn("web1", 5)));
  NewSession other = NewIn("web2", 5);
  other.owner = "bob@tls";
  EXPECT_THAT(sessions_->Open(ann, other), HasReasonCode(reason::kNotOwner));
  EXPECT_THAT(sessions_->Open({}, NewIn("web3", 5)),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace cairn::index
