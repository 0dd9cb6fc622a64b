#include "services/index/client/index_under_test.h"

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/channel.h"
#include "common/server/cairn_server.h"
#include "common/server/service.h"
#include "common/status/status_macros.h"
#include "common/testing/fake_clock.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"
#include "services/index/client/grpc_index_client.h"
#include "services/index/client/grpc_sweep_client.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/rpc/index_service.h"
#include "services/index/rpc/sweep_service.h"

namespace cairn {
namespace {

std::unique_ptr<InMemoryIndex> NewIndex(FakeClock* clock) {
  // Another sequence than that of the test itself.
  std::mt19937_64 random(TestSeed() + 1);
  auto index = InMemoryIndex::Open(clock, random);
  EXPECT_OK(index);
  return index.ok() ? *std::move(index) : nullptr;
}

class LocalIndex final : public IndexUnderTest {
 public:
  explicit LocalIndex(FakeClock* clock) : index_(NewIndex(clock)) {}
  CatalogClient& catalog() override { return index_->client(); }
  SessionClient& sessions() override { return index_->client(); }
  FenceClient& fence() override { return index_->client(); }
  IndexSweepClient& sweeps() override { return index_->sweeps(); }

 private:
  const std::unique_ptr<InMemoryIndex> index_;
};

// The rpc layer in front of an index in memory.
class FrontService final : public Service {
 public:
  explicit FrontService(index::IndexEngine* engine) : engine_(engine) {}
  std::string name() const override { return "index"; }
  absl::Status Start(ServiceContext& context) override {
    service_ = std::make_unique<index::IndexServiceImpl>(context.dispatcher(),
                                                         engine_);
    RETURN_IF_ERROR(context.AddGrpcService(
        service_.get(), index::v1::IndexService::service_full_name(),
        index::IndexServiceImpl::Authorization()));
    sweep_service_ = std::make_unique<index::SweepServiceImpl>(
        context.dispatcher(), engine_);
    return context.AddGrpcService(sweep_service_.get(),
                                  index::v1::SweepService::service_full_name(),
                                  index::SweepServiceImpl::Authorization());
  }
  void Drain() override {}
  void Stop() override {}

 private:
  index::IndexEngine* const engine_;
  std::unique_ptr<index::IndexServiceImpl> service_;
  std::unique_ptr<index::SweepServiceImpl> sweep_service_;
};

class GrpcIndex final : public IndexUnderTest {
 public:
  explicit GrpcIndex(FakeClock* clock) : index_(NewIndex(clock)) {
    ServerOptions options;
    options.data_dir = directory_.path();
    options.listen = {absl::StrCat("unix:", directory_.Join("socket"))};
    options.worker_threads = 1;
    options.rpc_threads = 1;
    options.max_streams = 16;  // one that has ended may still be seen as open
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(std::make_unique<FrontService>(&index_->engine()));
    auto server =
        CairnServer::Start("index", options, std::move(services),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    EXPECT_OK(server);
    if (server.ok()) server_ = *std::move(server);
    auto channel = CreateChannel({.target = options.listen[0]});
    EXPECT_OK(channel);
    client_ = std::make_unique<GrpcIndexClient>(*channel, &clock_);
    sweeps_ = std::make_unique<GrpcIndexSweepClient>(*channel, &clock_);
  }
  CatalogClient& catalog() override { return *client_; }
  SessionClient& sessions() override { return *client_; }
  FenceClient& fence() override { return *client_; }
  IndexSweepClient& sweeps() override { return *sweeps_; }

 private:
  const SystemClock clock_;
  const TempDir directory_{"/tmp"};  // the path of a socket must be short
  RecordingFatalErrorSink fatal_;
  const std::unique_ptr<InMemoryIndex> index_;
  std::unique_ptr<CairnServer> server_;
  std::unique_ptr<GrpcIndexClient> client_;
  std::unique_ptr<GrpcIndexSweepClient> sweeps_;
};

template <typename T>
IndexFactory FactoryOf(const char* name) {
  return {name, [](FakeClock* clock) -> std::unique_ptr<IndexUnderTest> {
            return std::make_unique<T>(clock);
          }};
}

}  // namespace

IndexFactory LocalIndexFactory() { return FactoryOf<LocalIndex>("Local"); }

IndexFactory GrpcIndexFactory() { return FactoryOf<GrpcIndex>("Grpc"); }

}  // namespace cairn
