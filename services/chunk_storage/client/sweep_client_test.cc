#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cairn/chunk_storage/v1/sweep_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/client_call.h"
#include "common/server/cairn_server.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"
#include "services/chunk_storage/client/grpc_sweep_client.h"
#include "services/chunk_storage/client/local_chunk_client.h"
#include "services/chunk_storage/client/local_sweep_client.h"
#include "services/chunk_storage/client/sweep_client_contract.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/engine/store_sweeper.h"
#include "services/chunk_storage/options.h"
#include "services/chunk_storage/server.h"

namespace cairn {
namespace {

namespace v1 = chunk_storage::v1;

class LocalFixture final : public StoreSweepFixture {
 public:
  LocalFixture() {
    EXPECT_OK(harness_.Start());
    sweeper_ =
        std::make_unique<chunk_storage::StoreSweeper>(&harness_.repository());
    chunks_ = std::make_unique<LocalChunkClient>(&harness_.repository());
    sweeps_ = std::make_unique<LocalStoreSweepClient>(sweeper_.get());
  }
  ChunkClient& chunks() override { return *chunks_; }
  StoreSweepClient& sweeps() override { return *sweeps_; }

 private:
  chunk_storage::RepositoryHarness harness_;
  std::unique_ptr<chunk_storage::StoreSweeper> sweeper_;
  std::unique_ptr<LocalChunkClient> chunks_;
  std::unique_ptr<LocalStoreSweepClient> sweeps_;
};

// The whole service, on RocksDB and the machine's files, behind a socket.
class GrpcFixture final : public StoreSweepFixture {
 public:
  GrpcFixture() {
    ServerOptions server;
    server.data_dir = directory_.path();
    server.listen = {"127.0.0.1:0"};
    server.worker_threads = 2;
    server.rpc_threads = 2;
    server.log_level = "error";
    chunk_storage::Options options;
    options.repository.pack_bytes = 32 << 20;
    options.repository.reserve_bytes = 0;
    options.database_reserve_bytes = 1 << 20;
    options.ballast_bytes = 0;
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(std::make_unique<chunk_storage::ChunkStorageServer>(
        options, server.data_dir));
    auto started =
        CairnServer::Start("chunk_storage", server, std::move(services),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    EXPECT_OK(started);
    server_ = *std::move(started);
    auto channel =
        CreateChannel({.target = absl::StrCat("127.0.0.1:", server_->port())});
    EXPECT_OK(channel);
    channel_ = *std::move(channel);
    chunks_ = std::make_unique<GrpcChunkClient>(channel_, &clock_);
    sweeps_ = std::make_unique<GrpcStoreSweepClient>(channel_, &clock_);
  }
  ChunkClient& chunks() override { return *chunks_; }
  StoreSweepClient& sweeps() override { return *sweeps_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const Clock& clock() const { return clock_; }

 private:
  const SystemClock clock_;
  const TempDir directory_;
  RecordingFatalErrorSink fatal_;
  std::unique_ptr<CairnServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<GrpcChunkClient> chunks_;
  std::unique_ptr<GrpcStoreSweepClient> sweeps_;
};

INSTANTIATE_TEST_SUITE_P(
    Clients, StoreSweepContract,
    ::testing::Values(
        StoreSweepFactory{"local",
                          [] { return std::make_unique<LocalFixture>(); }},
        StoreSweepFactory{"grpc",
                          [] { return std::make_unique<GrpcFixture>(); }}),
    [](const auto& instance) { return instance.param.name; });

// The status of a stream of marks that consists of these messages.
absl::Status SendMarks(GrpcFixture& fixture,
                       const std::vector<v1::PutMarksRequest>& messages) {
  const Call call;
  const auto stub = v1::SweepService::NewStub(fixture.channel());
  ClientCall client(call, fixture.clock(), absl::Seconds(30));
  v1::MarkSummary response;
  const auto writer = stub->PutMarks(client.context(), &response);
  for (const v1::PutMarksRequest& message : messages) {
    if (!writer->Write(message)) break;
  }
  writer->WritesDone();
  return client.Finish(writer->Finish());
}

TEST(GrpcStoreSweepClientTest, AStreamOfMarksHasAFormThatIsKept) {
  GrpcFixture fixture;
  const Call call;
  const DatastoreRef datastore = {Uuid{{0xd5, 1}}, 3};
  ASSERT_OK(fixture.chunks().EnsureDatastore(call, datastore));
  v1::PutMarksRequest set;
  set.mutable_set()->mutable_datastore()->set_uuid(
      std::string(datastore.uuid.view()));
  set.mutable_set()->mutable_datastore()->set_generation(3);
  set.mutable_set()->set_id("0123456789abcdef");
  v1::PutMarksRequest run;
  run.mutable_run()->set_kind(1);
  run.mutable_run()->set_prefixes("01234567");
  v1::PutMarksRequest last;
  last.set_last(true);
  EXPECT_OK(SendMarks(fixture, {set, run, last}));
  for (const std::vector<v1::PutMarksRequest>& messages :
       {std::vector<v1::PutMarksRequest>{},
        {run, last},
        {set},
        {set, run},
        {set, set, last},
        {set, run, run, last},
        {last}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SendMarks(fixture, messages)))
        << messages.size();
  }
}

}  // namespace
}  // namespace cairn
