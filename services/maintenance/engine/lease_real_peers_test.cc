// The coordinator beside the real engine of index and the contract-tested
// chunk store: the numbers that it tells are the ones that they refuse by.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/fake_chunk_client.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/maintenance/engine/lease_coordinator.h"

namespace cairn::maintenance {
namespace {

class LeaseRealPeersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random_));
    ASSERT_OK_AND_ASSIGN(datastore_,
                         index_->client().GetDatastore(call_, "default"));
    Start();
  }

  void Start() {
    coordinator_.reset();
    ASSERT_OK_AND_ASSIGN(
        coordinator_, LeaseCoordinator::Open({}, {.clock = &clock_,
                                                  .executor = &executor_,
                                                  .kv = &kv_,
                                                  .catalog = &index_->client(),
                                                  .fence = &index_->client(),
                                                  .chunks = &chunks_,
                                                  .metrics = &metrics_}));
  }

  LeaseRequest Request(const Uuid& id, std::vector<LeaseClaim> claims,
                       LeasePurpose purpose) {
    LeaseRequest request;
    request.id = id;
    request.datastore = "default";
    request.ref = datastore_.ref;
    request.claims = std::move(claims);
    request.holder = "test";
    request.purpose = purpose;
    return request;
  }

  // A session with its lease and one whole archive, ready to be published.
  NewSession OpenBackup(const std::string& id) {
    const GroupName group = TestGroup(id);
    NewSession session = NewTestSession(datastore_.ref, group, 1, random_);
    const auto lease = coordinator_->Acquire(
        call_, Request(session.ref.session,
                       {{group.ToString(), LeaseMode::kExclusive}},
                       LeasePurpose::kBackup));
    EXPECT_OK(lease);
    if (!lease.ok()) return session;
    session.ref.epoch = lease->start_epoch;
    EXPECT_OK(index_->client().OpenSession(call_, session));
    EXPECT_OK(PutArchive(index_->client(), session.ref, archive_));
    return session;
  }
  absl::StatusOr<Snapshot> Publish(const NewSession& session) {
    const auto prepared = index_->client().PreparePublish(
        call_, session.ref, RequestFor({archive_}));
    if (!prepared.ok()) return prepared.status();
    return index_->client().CommitPublish(call_, session.ref,
                                          prepared->sequence);
  }

  std::mt19937_64 random_{TestSeed()};
  const Call call_;
  const BuiltArchive archive_ = BuildArchive("root.stream", 20, 1);
  FakeClock clock_;
  TestExecutor executor_{&clock_};
  MemoryKvStore kv_{2};
  MetricRegistry registry_;
  MaintenanceMetrics metrics_{&registry_};
  FakeChunkClient chunks_;
  std::unique_ptr<InMemoryIndex> index_;
  Datastore datastore_;
  std::unique_ptr<LeaseCoordinator> coordinator_;
};

TEST_F(LeaseRealPeersTest, L6ALatePublishIsRefusedByIndex) {
  const NewSession alive = OpenBackup("web1");
  EXPECT_OK(Publish(alive));
  ASSERT_OK(coordinator_->Release(call_, "default", alive.ref.session));

  const NewSession killed = OpenBackup("web2");
  clock_.Advance(absl::Seconds(60));
  ASSERT_OK(coordinator_->Acquire(
      call_, Request(Uuid::Random(random_),
                     {{"datastores/default", LeaseMode::kExclusive}},
                     LeasePurpose::kMaintenanceMode)));
  EXPECT_THAT(Publish(killed), HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseRealPeersTest, ASweepSparesTheLiveAndFencesTheLost) {
  const NewSession lost = OpenBackup("web1");
  clock_.Advance(absl::Seconds(60));
  ASSERT_OK(coordinator_->AdvanceEpoch(call_, "default"));
  EXPECT_THAT(Publish(lost), HasReasonCode(reason::kSessionFenced));
  const NewSession live = OpenBackup("web2");
  ASSERT_OK(coordinator_->AdvanceEpoch(call_, "default"));
  EXPECT_THAT(Publish(live), IsOk());
}

TEST_F(LeaseRealPeersTest, ALostCoordinatorGoesOnAboveThem) {
  OpenBackup("web1");
  ASSERT_OK_AND_ASSIGN(const EpochState before,
                       coordinator_->AdvanceEpoch(call_, "default"));
  coordinator_.reset();
  KvBatch all;
  for (KvTable table = 0; table < 2; ++table) {
    const auto view = kv_.NewView();
    for (auto row = view->Scan(table, "", ""); row->Valid(); row->Next()) {
      all.Remove(table, std::string(row->key()));
    }
  }
  ASSERT_OK(kv_.Commit(all, Durability::kSynced));
  Start();
  ASSERT_OK_AND_ASSIGN(const EpochState after,
                       coordinator_->GetEpoch(call_, "default"));
  EXPECT_GT(after.epoch, before.epoch);
  EXPECT_GT(after.token, before.token);
}

TEST_F(LeaseRealPeersTest, AReaderIsGrantedWhatIndexLists) {
  const NewSession session = OpenBackup("web1");
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot, Publish(session));
  const std::string name = snapshot.name.ToString();
  EXPECT_OK(coordinator_->Acquire(
      call_, Request(Uuid::Random(random_), {{name, LeaseMode::kShared}},
                     LeasePurpose::kRestore)));
  SnapshotName other = snapshot.name;
  other.time += 1;
  EXPECT_THAT(coordinator_->Acquire(
                  call_, Request(Uuid::Random(random_),
                                 {{other.ToString(), LeaseMode::kShared}},
                                 LeasePurpose::kRestore)),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LeaseRealPeersTest, ARestartedStoreIsToldTheEpoch) {
  ASSERT_OK(coordinator_->AdvanceEpoch(call_, "default"));
  chunks_.Restart();
  ASSERT_OK_AND_ASSIGN(StoreState state,
                       chunks_.EnsureDatastore(call_, datastore_.ref));
  EXPECT_EQ(state.floor, 0u);
  ASSERT_OK(coordinator_->PushTouchFloor(call_, "default"));
  ASSERT_OK_AND_ASSIGN(state, chunks_.EnsureDatastore(call_, datastore_.ref));
  EXPECT_EQ(state.floor, 2u);
}

}  // namespace
}  // namespace cairn::maintenance
