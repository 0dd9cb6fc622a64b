#include "services/maintenance/server.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/server/cairn_server.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/client/grpc_lease_client.h"
#include "services/maintenance/engine/fake_chunk_store.h"
#include "services/maintenance/engine/fake_index.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;

// The service in a real server on a loopback port, on RocksDB, beside an index
// and a chunk store in memory.
class MaintenanceServerTest : public ::testing::Test {
 protected:
  MaintenanceServerTest() {
    ref_.uuid.bytes[0] = 7;
    ref_.generation = 1;
    index_.AddDatastore("main", ref_);
    Start();
  }
  ~MaintenanceServerTest() override { Stop(); }

  absl::Status TryStart() {
    ServerOptions server;
    server.data_dir = directory_.path();
    server.listen = {"127.0.0.1:0"};
    server.worker_threads = 2;
    server.rpc_threads = 2;
    server.max_streams = 1;
    Options options;
    options.reserve_bytes = 1;
    options.ballast_bytes = 0;
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(std::make_unique<MaintenanceServer>(
        options, server.data_dir,
        [this](ServiceContext&) -> absl::StatusOr<MaintenanceServer::Peers> {
          return MaintenanceServer::Peers{
              .catalog = &index_, .fence = &index_, .chunks = &chunks_};
        }));
    auto started =
        CairnServer::Start("maintenance", server, std::move(services),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    if (started.ok()) server_ = *std::move(started);
    return started.status();
  }
  void Start() {
    ASSERT_OK(TryStart());
    auto channel =
        CreateChannel({.target = absl::StrCat("127.0.0.1:", server_->port())});
    ASSERT_OK(channel);
    client_ = std::make_unique<GrpcLeaseClient>(*channel, &clock_);
  }
  void Stop() {
    client_.reset();
    server_.reset();
  }

  LeaseRequest Backup(uint8_t id) const {
    LeaseRequest request;
    request.id.bytes[15] = id;
    request.datastore = "main";
    request.ref = ref_;
    request.claims = {
        {"datastores/main/groups/host/web1", LeaseMode::kExclusive}};
    request.holder = "test";
    return request;
  }

  const SystemClock clock_;
  const TempDir directory_;
  RecordingFatalErrorSink fatal_;
  DatastoreRef ref_;
  FakeIndex index_;
  FakeChunkStore chunks_;
  Call call_;
  std::unique_ptr<CairnServer> server_;
  std::unique_ptr<GrpcLeaseClient> client_;
};

TEST_F(MaintenanceServerTest, LeasesAndNumbersOutliveARestart) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, client_->Acquire(call_, Backup(1)));
  ASSERT_OK_AND_ASSIGN(const EpochState before,
                       client_->AdvanceEpoch(call_, "main"));
  EXPECT_EQ(before.live_leases, 1u);
  Stop();
  Start();
  ASSERT_OK_AND_ASSIGN(const Lease again,
                       client_->Renew(call_, "main", lease.id));
  EXPECT_EQ(again.start_epoch, lease.start_epoch);
  EXPECT_EQ(again.start_time, lease.start_time);
  EXPECT_THAT(client_->Acquire(call_, Backup(2)),
              HasReasonCode(reason::kLeaseHeld));
  ASSERT_OK(client_->Release(call_, "main", lease.id));
  Stop();
  Start();
  EXPECT_THAT(client_->Acquire(call_, Backup(2)), IsOk());
  ASSERT_OK_AND_ASSIGN(const EpochState after,
                       client_->GetEpoch(call_, "main"));
  EXPECT_EQ(after.epoch, before.epoch);
  EXPECT_EQ(after.token, before.token);
}

TEST_F(MaintenanceServerTest, ShowsItsMetrics) {
  ASSERT_OK(client_->Acquire(call_, Backup(1)));
  const std::string text = server_->metrics().Text();
  EXPECT_THAT(text, HasSubstr("cairn_leases_live{purpose=\"backup\"} 1"));
  EXPECT_THAT(text, HasSubstr("cairn_lease_expired_total 0"));
  EXPECT_THAT(text, HasSubstr("cairn_maintenance_fence_advances_total 0"));
}

TEST_F(MaintenanceServerTest, OneProcessOwnsTheDirectory) {
  const std::unique_ptr<CairnServer> first = std::move(server_);
  EXPECT_THAT(TryStart(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MaintenanceServerTest, StartsWithoutItsPeersAndSaysSo) {
  Stop();
  ServerOptions server;
  server.data_dir = directory_.Join("apart/data");
  server.listen = {"127.0.0.1:0"};
  server.worker_threads = 2;
  server.rpc_threads = 2;
  server.max_streams = 1;
  PeerOptions peers;
  peers.index = "unix:/nonexistent/index.sock";
  peers.chunk_storage = "unix:/nonexistent/chunk_storage.sock";
  ASSERT_OK_AND_ASSIGN(
      server_, CairnServer::Start("maintenance", server,
                                  BuildServices({}, peers, server),
                                  {.clock = &clock_, .fatal_errors = &fatal_}));
  auto channel =
      CreateChannel({.target = absl::StrCat("127.0.0.1:", server_->port())});
  ASSERT_OK(channel);
  client_ = std::make_unique<GrpcLeaseClient>(*channel, &clock_);
  EXPECT_THAT(client_->Acquire(call_, Backup(1)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(client_->Release(call_, "main", Backup(1).id), IsOk());
}

TEST_F(MaintenanceServerTest, RefusesAPeerThatIsNoAddress) {
  Stop();
  ServerOptions server;
  server.data_dir = directory_.Join("apart");
  server.listen = {"127.0.0.1:0"};
  EXPECT_THAT(
      CairnServer::Start(
          "maintenance", server,
          BuildServices({}, {.index = "plaintext:example.org:1"}, server),
          {.clock = &clock_, .fatal_errors = &fatal_}),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::maintenance
