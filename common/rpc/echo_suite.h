#pragma once

#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/metrics/metric_registry.h"
#include "common/metrics/rpc_metrics.h"
#include "common/rpc/auth_failures.h"
#include "common/rpc/caller_resolver.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/echo_service.h"
#include "common/rpc/method_tracker.h"
#include "common/rpc/token_directory.h"
#include "common/testing/status_matchers.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"

namespace cairn {

// A dispatcher and the echo service on a loopback port.
class EchoSuite {
 public:
  using Stub = testing::v1::EchoService::Stub;

  // `tokens`: null, or outlives the suite.
  explicit EchoSuite(Dispatcher::Options options = {}, int unary_threads = 4,
                     TokenDirectory* tokens = nullptr)
      : unary_(Pool("unary", unary_threads)),
        streams_(Pool("stream", options.max_streams)),
        callers_(&unix_callers_),
        failures_(&registry_, &clock_),
        metrics_(&registry_) {
    EXPECT_OK(table_.Add(EchoService::Authorization()));
    for (const AuthorizationRow& row : EchoService::Authorization()) {
      metrics_.AddMethod(row.method, RpcType::kUnary);
    }
    dispatcher_ = std::make_unique<Dispatcher>(
        options, Dispatcher::Dependencies{.callers = &callers_,
                                          .authorization = &table_,
                                          .failures = &failures_,
                                          .metrics = &metrics_,
                                          .clock = &clock_,
                                          .unary_executor = unary_.get(),
                                          .stream_executor = streams_.get()});
    if (tokens != nullptr) dispatcher_->SetTokenDirectory(tokens);
    service_ = std::make_unique<EchoService>(dispatcher_.get());
    grpc::ServerBuilder builder;
    std::vector<
        std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
        interceptors;
    interceptors.push_back(NewMethodTracker());
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
  }

  ~EchoSuite() {
    server_->Shutdown(std::chrono::system_clock::time_point());
    EXPECT_TRUE(dispatcher_->AwaitIdle(absl::Seconds(60)));
    server_.reset();
    unary_->Shutdown();
    streams_->Shutdown();
  }

  // Each channel has a connection of its own.
  std::unique_ptr<Stub> NewStub() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return testing::v1::EchoService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port_), grpc::InsecureChannelCredentials(),
        arguments));
  }

  // A connection of `principal`, who has the role of a client.
  std::unique_ptr<Stub> NewClientStub(const std::string& principal) {
    return NewUnixStub({CallerKind::kUnix, CallerRole::kBackup, principal});
  }

  std::unique_ptr<Stub> NewUnixStub(Caller caller) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                         ends),
              0);
    unix_callers_.Remember(ends[0], std::move(caller));
    grpc::AddInsecureChannelFromFd(server_.get(), ends[0]);
    return testing::v1::EchoService::NewStub(
        grpc::CreateInsecureChannelFromFd("client", ends[1]));
  }

  static std::unique_ptr<ThreadPoolExecutor> Pool(const std::string& name,
                                                  int threads) {
    auto pool = ThreadPoolExecutor::Create(
        {.name = name, .threads = threads, .queue_limit = 1024});
    EXPECT_OK(pool);
    return std::move(pool).value();
  }

  int port() const { return port_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  MetricRegistry& registry() { return registry_; }
  const Clock& clock() const { return clock_; }

 private:
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
  std::unique_ptr<EchoService> service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cairn
