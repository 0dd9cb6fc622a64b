#include "services/maintenance/client/grpc_lease_client.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <memory>
#include <utility>
#include <vector>

#include "common/concurrency/thread_pool_executor.h"
#include "common/metrics/metric_registry.h"
#include "common/metrics/rpc_metrics.h"
#include "common/rpc/auth_failures.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/caller_resolver.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/method_tracker.h"
#include "common/time/clock.h"
#include "services/maintenance/client/lease_client_contract.h"
#include "services/maintenance/rpc/maintenance_service.h"

namespace cairn {
namespace {

using maintenance::MaintenanceServiceImpl;

std::unique_ptr<ThreadPoolExecutor> OneThread() {
  auto pool = ThreadPoolExecutor::Create({.threads = 1});
  EXPECT_OK(pool);
  return std::move(pool).value();
}

// The service behind a dispatcher on a unix socket. One thread, because
// the suite around the coordinator knows no more.
class GrpcFixture final : public LeaseClientFixture {
 public:
  GrpcFixture()
      : unary_(OneThread()),
        streams_(OneThread()),
        callers_(&unix_callers_),
        failures_(&registry_, &clock_),
        metrics_(&registry_) {
    EXPECT_OK(suite_.Start());
    EXPECT_OK(table_.Add(MaintenanceServiceImpl::Authorization()));
    for (const AuthorizationRow& row :
         MaintenanceServiceImpl::Authorization()) {
      metrics_.AddMethod(row.method, RpcType::kUnary);
    }
    dispatcher_ = std::make_unique<Dispatcher>(
        Dispatcher::Options{.max_streams = 1},
        Dispatcher::Dependencies{.callers = &callers_,
                                 .authorization = &table_,
                                 .failures = &failures_,
                                 .metrics = &metrics_,
                                 .clock = &clock_,
                                 .unary_executor = unary_.get(),
                                 .stream_executor = streams_.get()});
    service_ = std::make_unique<MaintenanceServiceImpl>(
        dispatcher_.get(), suite_.coordinator.get());
    grpc::ServerBuilder builder;
    std::vector<
        std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
        interceptors;
    interceptors.push_back(NewMethodTracker());
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    int fds[2];
    EXPECT_EQ(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        0);
    unix_callers_.Remember(fds[0], {.kind = CallerKind::kUnix,
                                    .role = CallerRole::kAdmin,
                                    .principal = "root@unix"});
    grpc::AddInsecureChannelFromFd(server_.get(), fds[0]);
    client_ = std::make_unique<GrpcLeaseClient>(
        grpc::CreateInsecureChannelFromFd("test", fds[1]), &clock_);
  }
  ~GrpcFixture() override {
    client_.reset();
    server_->Shutdown(absl::ToChronoTime(clock_.Now()));
    EXPECT_TRUE(dispatcher_->AwaitIdle(absl::Seconds(60)));
    server_.reset();
    unary_->Shutdown();
    streams_->Shutdown();
  }

  LeaseClient& client() override { return *client_; }
  maintenance::FakeSuite& suite() override { return suite_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  const AuthorizationTable& table() const { return table_; }

 private:
  maintenance::FakeSuite suite_;
  const SystemClock clock_;
  const std::unique_ptr<ThreadPoolExecutor> unary_;
  const std::unique_ptr<ThreadPoolExecutor> streams_;
  UnixCallers unix_callers_;
  CallerResolver callers_;
  AuthorizationTable table_;
  MetricRegistry registry_;
  AuthFailures failures_;
  RpcMetrics metrics_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<MaintenanceServiceImpl> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcLeaseClient> client_;
};

INSTANTIATE_TEST_SUITE_P(
    Grpc, LeaseClientContract,
    ::testing::Values(LeaseClientFactory{
        "Grpc", [] { return std::make_unique<GrpcFixture>(); }}),
    [](const auto& factory) { return factory.param.name; });

TEST(MaintenanceServiceTest, EveryMethodHasARow) {
  GrpcFixture fixture;
  const auto* service = maintenance::v1::AcquireLeaseRequest::descriptor()
                            ->file()
                            ->FindServiceByName("MaintenanceService");
  ASSERT_NE(service, nullptr);
  EXPECT_THAT(fixture.table().MissingRows(*service), ::testing::IsEmpty());
  EXPECT_THAT(fixture.table().StrayRows(*service), ::testing::IsEmpty());
}

TEST(MaintenanceServiceTest, ADrainingServerGrantsNothingNewAndRenews) {
  using Suite = maintenance::FakeSuite;
  GrpcFixture fixture;
  const Call call;
  ASSERT_OK(fixture.client().Acquire(
      call, fixture.suite().Request(1, {Suite::Exclusive(Suite::Group(1))})));
  fixture.dispatcher().Drain();
  EXPECT_THAT(fixture.client().Acquire(
                  call, fixture.suite().Request(
                            2, {Suite::Exclusive(Suite::Group(2))})),
              HasReasonCode(reason::kDraining));
  EXPECT_THAT(fixture.client().Renew(call, "main", Suite::Id(1)), IsOk());
  EXPECT_THAT(fixture.client().Release(call, "main", Suite::Id(1)), IsOk());
}

}  // namespace
}  // namespace cairn
