#include "common/server/cairn_server.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/unique_fd.h"
#include "common/rpc/channel.h"
#include "common/rpc/client_call.h"
#include "common/rpc/fake_token_directory.h"
#include "common/rpc/library_logs.h"
#include "common/server/echo_test_service.h"
#include "common/server/health_board.h"
#include "common/server/test_certificates.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::cairn::testing::v1::EchoRequest;
using ::cairn::testing::v1::EchoResponse;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

using Stub = ::cairn::testing::v1::EchoService::Stub;

constexpr absl::Duration kTimeout = absl::Seconds(30);

class CairnServerTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<CairnServer>> Start(
      std::vector<std::string> listen, const TlsFiles& tls = {}) {
    options_.data_dir = directory_.path();
    options_.listen = std::move(listen);
    options_.tls = tls;
    options_.health_listen = "127.0.0.1:0";
    options_.worker_threads = 2;
    options_.rpc_threads = 2;
    options_.max_streams = 4;
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(std::make_unique<EchoTestService>(&probe_));
    return CairnServer::Start("echo", options_, std::move(services),
                              {.clock = &clock_, .fatal_errors = &fatal_});
  }

  std::shared_ptr<grpc::Channel> Channel(const ChannelOptions& options) {
    auto channel = CreateChannel(options);
    EXPECT_OK(channel);
    return channel.ok() ? *std::move(channel) : nullptr;
  }

  // Who the server says the caller is.
  absl::StatusOr<EchoResponse> Ask(const ChannelOptions& options) {
    const auto stub =
        ::cairn::testing::v1::EchoService::NewStub(Channel(options));
    ClientCall client({}, clock_, kTimeout);
    EchoResponse response;
    RETURN_IF_ERROR(
        client.Finish(stub->Echo(client.context(), EchoRequest(), &response)));
    return response;
  }

  static std::string Loopback(uint16_t port) {
    return absl::StrCat("127.0.0.1:", port);
  }

  const SystemClock clock_;
  RecordingFatalErrorSink fatal_;
  const TempDir directory_{"/tmp"};  // short, for the socket
  EchoTestService::Probe probe_;
  ServerOptions options_;
};

HealthCheckResponse::ServingStatus CheckHealth(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status =
      Health::NewStub(channel)->Check(&context, request, &response);
  if (!status.ok()) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND)
        << status.error_message();
    return HealthCheckResponse::SERVICE_UNKNOWN;
  }
  return response.status();
}

// The body that an HTTP GET of /metrics answers.
std::string Scrape(uint16_t port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof(address)) != 0) {
    return "";
  }
  const std::string request =
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(send(fd.get(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[65536];
  ssize_t size = 0;
  while ((size = recv(fd.get(), buffer, sizeof(buffer), 0)) > 0) {
    answer.append(buffer, static_cast<size_t>(size));
  }
  return answer;
}

TEST_F(CairnServerTest, ServesAUnixSocketWithThePeersCredentials) {
  const std::string address = absl::StrCat("unix:", directory_.Join("s"));
  ASSERT_OK_AND_ASSIGN(const auto server, Start({address}));
  EXPECT_EQ(server->port(), 0);
  for (int i = 0; i < 3; ++i) {
    // Each with a connection of its own, so that descriptors are used again.
    ASSERT_OK_AND_ASSIGN(
        const EchoResponse response,
        Ask({.target = address, .keepalive_time = absl::Seconds(100 + i)}));
    EXPECT_EQ(response.caller_kind(), static_cast<uint32_t>(CallerKind::kUnix));
    EXPECT_EQ(response.caller_role(),
              static_cast<uint32_t>(CallerRole::kAdmin));
    EXPECT_THAT(response.principal(), HasSubstr("@unix"));
  }
}

TEST_F(CairnServerTest, ServesLoopbackInPlaintext) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0", "[::1]:0"}));
  ASSERT_THAT(server->ports(), SizeIs(2));
  for (const std::string& target :
       {Loopback(server->ports()[0]),
        absl::StrCat("[::1]:", server->ports()[1])}) {
    ASSERT_OK_AND_ASSIGN(const EchoResponse response, Ask({.target = target}));
    EXPECT_EQ(response.caller_kind(),
              static_cast<uint32_t>(CallerKind::kLoopback));
    EXPECT_EQ(response.principal(), "loopback");
  }
}

TEST_F(CairnServerTest, KnowsTheHoldersOfCertificates) {
  const TestAuthority authority("cairn-test");
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  struct Holder {
    TlsFiles files;
    CallerRole role;
    std::string principal;
  };
  for (const Holder& holder :
       {Holder{authority.Issue("web1"), CallerRole::kBackup, "web1@tls"},
        Holder{authority.Issue("x", "spiffe://cairn/service/ingest"),
               CallerRole::kIngest, "ingest@service"},
        Holder{authority.Issue("y", "spiffe://cairn/admin/anna"),
               CallerRole::kAdmin, "anna@tls"}}) {
    ASSERT_OK_AND_ASSIGN(const EchoResponse response,
                         Ask({.target = Loopback(server->port()),
                              .tls_ca_file = holder.files.ca,
                              .tls_cert_file = holder.files.cert,
                              .tls_key_file = holder.files.key}));
    EXPECT_EQ(response.caller_kind(), static_cast<uint32_t>(CallerKind::kTls));
    EXPECT_EQ(response.caller_role(), static_cast<uint32_t>(holder.role));
    EXPECT_EQ(response.principal(), holder.principal);
  }
}

TEST_F(CairnServerTest, RefusesWhoHasNoCertificateOfTheAuthority) {
  const TestAuthority authority("cairn-test");
  const TestAuthority other("other-test");
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  // A stranger who trusts the server.
  const TlsFiles stranger = other.Issue("web1");
  EXPECT_THAT(Ask({.target = Loopback(server->port()),
                   .tls_ca_file = authority.ca_file(),
                   .tls_cert_file = stranger.cert,
                   .tls_key_file = stranger.key}),
              StatusIs(absl::StatusCode::kUnavailable));
  // Plaintext, from loopback, to the TLS port.
  EXPECT_THAT(Ask({.target = Loopback(server->port())}),
              StatusIs(absl::StatusCode::kUnavailable));
  // TLS without a certificate.
  grpc::SslCredentialsOptions no_certificate;
  const auto channel = grpc::CreateChannel(
      Loopback(server->port()), grpc::SslCredentials(no_certificate));
  grpc::ClientContext context;
  EchoResponse response;
  EXPECT_EQ(::cairn::testing::v1::EchoService::NewStub(channel)
                ->Echo(&context, EchoRequest(), &response)
                .error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CairnServerTest, ClientsRefuseAServerOfAnotherAuthorityOrName) {
  const TestAuthority authority("cairn-test");
  const TestAuthority other("other-test");
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  const TlsFiles client = authority.Issue("web1");
  EXPECT_THAT(Ask({.target = Loopback(server->port()),
                   .tls_ca_file = other.ca_file(),
                   .tls_cert_file = client.cert,
                   .tls_key_file = client.key}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Ask({.target = Loopback(server->port()),
                   .tls_ca_file = client.ca,
                   .tls_cert_file = client.cert,
                   .tls_key_file = client.key,
                   .tls_server_name = "elsewhere.example"}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(Ask({.target = Loopback(server->port()),
                 .tls_ca_file = client.ca,
                 .tls_cert_file = client.cert,
                 .tls_key_file = client.key,
                 .tls_server_name = "localhost"}));
}

TEST_F(CairnServerTest, AppliesTheAuthorizationTable) {
  const TestAuthority authority("cairn-test");
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  const TlsFiles client = authority.Issue("web1");
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(
      Channel({.target = Loopback(server->port()),
               .tls_ca_file = client.ca,
               .tls_cert_file = client.cert,
               .tls_key_file = client.key}));
  ClientCall call({}, clock_, kTimeout);
  EchoResponse response;
  EXPECT_THAT(
      call.Finish(stub->Unlisted(call.context(), EchoRequest(), &response)),
      StatusIs(absl::StatusCode::kPermissionDenied,
               HasSubstr("web1@tls with role backup")));
}

TEST_F(CairnServerTest, BoundsTheStreamsOfOneClient) {
  options_.client_stream_share = 49;  // of 4 streams: 1
  options_.first_message_timeout = absl::Seconds(1);
  const TestAuthority authority("cairn-test");
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  const TlsFiles client = authority.Issue("web1");
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(
      Channel({.target = Loopback(server->port()),
               .tls_ca_file = client.ca,
               .tls_cert_file = client.cert,
               .tls_key_file = client.key}));
  ClientCall first({}, clock_, kTimeout);
  const auto stream = stub->EchoStream(first.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  ClientCall second({}, clock_, kTimeout);
  const auto refused = stub->EchoStream(second.context());
  EXPECT_FALSE(refused->Read(&response));
  EXPECT_THAT(second.Finish(refused->Finish()),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("client web1@tls has 1 streams")));
  stream->WritesDone();
  EXPECT_OK(first.Finish(stream->Finish()));
  EXPECT_TRUE(server->AwaitIdle(kTimeout));
  ClientCall third({}, clock_, kTimeout);
  const auto silent = stub->EchoStream(third.context());
  EXPECT_FALSE(silent->Read(&response));
  EXPECT_THAT(third.Finish(silent->Finish()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(CairnServerTest, TellsHealthByDependency) {
  absl::Mutex mutex;
  absl::Status dependency;
  probe_.dependency = [&] {
    absl::MutexLock lock(&mutex);
    return dependency;
  };
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  const auto channel = Channel({.target = Loopback(server->health_port())});
  for (const char* service : {"", "liveness", "readiness", "echo"}) {
    EXPECT_EQ(CheckHealth(channel, service), HealthCheckResponse::SERVING)
        << service;
  }
  EXPECT_EQ(CheckHealth(channel, "nothing"),
            HealthCheckResponse::SERVICE_UNKNOWN);
  // The ports of the services tell it too.
  EXPECT_EQ(CheckHealth(Channel({.target = Loopback(server->port())}), ""),
            HealthCheckResponse::SERVING);

  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("readiness");
  const auto stub = Health::NewStub(channel);
  const auto watch = stub->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  {
    absl::MutexLock lock(&mutex);
    dependency = absl::UnavailableError("down");
  }
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(CheckHealth(channel, "liveness"), HealthCheckResponse::SERVING);
  {
    absl::MutexLock lock(&mutex);
    dependency = absl::OkStatus();
  }
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  context.TryCancel();
  EXPECT_FALSE(watch->Read(&response));
}

TEST_F(CairnServerTest, AHealthCheckOfALongNameIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  HealthCheckRequest request;
  request.set_service(std::string(300, 'x'));
  for (const uint16_t port : {server->health_port(), server->port()}) {
    const auto stub = Health::NewStub(Channel({.target = Loopback(port)}));
    grpc::ClientContext context;
    const auto watch = stub->Watch(&context, request);
    HealthCheckResponse response;
    EXPECT_FALSE(watch->Read(&response));
    EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  // The health port has no room for more.
  request.set_service(std::string(64 << 10, 'x'));
  grpc::ClientContext context;
  HealthCheckResponse response;
  EXPECT_EQ(
      Health::NewStub(Channel({.target = Loopback(server->health_port())}))
          ->Check(&context, request, &response)
          .error_code(),
      grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// A refused watcher that goes away at the same time ends once, not twice.
TEST_F(CairnServerTest, WatchersOfHealthAreBounded) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader;
  };
  const HealthCheckRequest request;
  HealthCheckResponse response;
  std::unique_ptr<Health::Stub> stub;
  std::vector<std::unique_ptr<Watch>> watches;
  const auto begin = [&](size_t number) {
    // A connection has so many streams at most.
    if (number % 100 == 0) {
      grpc::ChannelArguments own;
      own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      stub = Health::NewStub(
          grpc::CreateCustomChannel(Loopback(server->health_port()),
                                    grpc::InsecureChannelCredentials(), own));
    }
    auto watch = std::make_unique<Watch>();
    watch->reader = stub->Watch(&watch->context, request);
    return watch;
  };
  for (size_t i = 0; i < HealthBoard::kMaxWatchers; ++i) {
    watches.push_back(begin(i));
    ASSERT_TRUE(watches.back()->reader->Read(&response)) << i;
  }
  for (size_t i = 0; i < 100; ++i) {
    const auto refused = begin(i);
    if (i % 2 == 1) refused->context.TryCancel();
    EXPECT_FALSE(refused->reader->Read(&response));
    const grpc::StatusCode code = refused->reader->Finish().error_code();
    if (i % 2 == 0) {
      EXPECT_EQ(code, grpc::StatusCode::RESOURCE_EXHAUSTED);
    }
  }
  for (const auto& watch : watches) {
    watch->context.TryCancel();
    watch->reader->Finish().ok();
  }
}

TEST_F(CairnServerTest, AStreamOutlivesTheAgeOfItsConnection) {
  options_.max_connection_age = absl::Milliseconds(100);
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  const auto channel = Channel({.target = Loopback(server->port())});
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  ClientCall client({}, clock_, kTimeout);
  const auto stream = stub->EchoStream(client.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  // Until the server has said that the connection is too old for more.
  ASSERT_TRUE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY, absl::ToChronoTime(clock_.Now() + kTimeout)));
  for (int i = 0; i < 3; ++i) {
    // Each on a connection of its own, or of those before it.
    ClientCall other({}, clock_, kTimeout);
    EXPECT_OK(
        other.Finish(stub->Echo(other.context(), EchoRequest(), &response)));
    ASSERT_TRUE(stream->Write(EchoRequest()));
    ASSERT_TRUE(stream->Read(&response));
  }
  stream->WritesDone();
  EXPECT_OK(client.Finish(stream->Finish()));
}

// The answer to the last stream is not lost with the connection.
TEST_F(CairnServerTest, TheLastAnswerOfADrainArrives) {
  for (int round = 0; round < 20; ++round) {
    ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
    const auto stub = ::cairn::testing::v1::EchoService::NewStub(
        Channel({.target = Loopback(server->port())}));
    ClientCall client({}, clock_, kTimeout);
    const auto stream = stub->EchoStream(client.context());
    EchoResponse response;
    ASSERT_TRUE(stream->Write(EchoRequest()));
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_OK_AND_ASSIGN(const auto thread,
                         ThreadPoolExecutor::Create({.threads = 1}));
    ASSERT_OK(thread->Schedule([&server] {
      server->Drain();
      EXPECT_TRUE(server->AwaitIdle(kTimeout));
      server->Shutdown();
    }));
    ASSERT_TRUE(stream->Write(EchoRequest()));
    stream->WritesDone();
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_OK(client.Finish(stream->Finish()));
    thread->Shutdown();
  }
}

TEST_F(CairnServerTest, TheHealthPortServesNothingElse) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  EXPECT_THAT(Ask({.target = Loopback(server->health_port())}),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(CairnServerTest, ShowsItsMetricsOverHttp) {
  options_.metrics_listen = "127.0.0.1:0";
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  ASSERT_OK(Ask({.target = Loopback(server->port())}));
  const std::string text = Scrape(server->metrics_port());
  EXPECT_THAT(text, HasSubstr("HTTP/1.1 200"));
  const std::string labels =
      "grpc_service=\"cairn.testing.v1.EchoService\",grpc_type=";
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"OK\","
                              "grpc_method=\"Echo\"," +
                              labels + "\"unary\"} 1"));
  EXPECT_THAT(text, HasSubstr("grpc_server_started_total{grpc_method="
                              "\"EchoStream\"," +
                              labels + "\"bidi_stream\"} 0"));
  EXPECT_THAT(text, HasSubstr("cairn_build_info{service=\"echo\""));
  EXPECT_THAT(text, HasSubstr("process_resident_memory_bytes "));
}

TEST_F(CairnServerTest, DrainsBeforeItStops) {
  const std::string address = absl::StrCat("unix:", directory_.Join("s"));
  ASSERT_OK_AND_ASSIGN(auto server, Start({address}));
  const auto channel = Channel({.target = address});
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  ClientCall old({}, clock_, kTimeout);
  const auto stream = stub->EchoStream(old.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));

  server->Drain();

  EXPECT_TRUE(probe_.drained);
  EXPECT_EQ(CheckHealth(channel, "readiness"),
            HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(CheckHealth(channel, "liveness"), HealthCheckResponse::SERVING);
  ClientCall late({}, clock_, kTimeout);
  const auto refused = stub->Collect(late.context(), &response);
  EXPECT_THAT(late.Finish(refused->Finish()), HasReasonCode(reason::kDraining));
  EXPECT_FALSE(server->AwaitIdle(absl::ZeroDuration()));
  EXPECT_FALSE(probe_.stopped);
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  stream->WritesDone();
  EXPECT_OK(old.Finish(stream->Finish()));
  EXPECT_TRUE(server->AwaitIdle(kTimeout));
  server->Shutdown();
  EXPECT_TRUE(probe_.stopped);
}

TEST_F(CairnServerTest, ShutdownEndsTheCallsInFlight) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(
      Channel({.target = Loopback(server->port())}));
  ClientCall client({}, clock_, kTimeout);
  const auto stream = stub->EchoStream(client.context());
  EchoRequest request;
  ASSERT_TRUE(stream->Write(request));
  EchoResponse response;
  ASSERT_TRUE(stream->Read(&response));
  request.set_wait_for_cancellation(true);
  ASSERT_TRUE(stream->Write(request));
  server->Shutdown();
  EXPECT_TRUE(probe_.stopped);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_FALSE(client.Finish(stream->Finish()).ok());
}

TEST_F(CairnServerTest, RefusesPlaintextOffLoopback) {
  EXPECT_THAT(Start({"0.0.0.0:0"}), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("setting listen")));
}

TEST_F(CairnServerTest, RefusesTlsFilesThatDoNotFit) {
  const TestAuthority authority("cairn-test");
  TlsFiles files = authority.Issue("server");
  files.key = authority.Issue("other").key;
  EXPECT_THAT(Start({"127.0.0.1:0"}, files),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("tls-key-file")));
  files.key = "";
  EXPECT_THAT(
      Start({"127.0.0.1:0"}, files),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("together")));
}

TEST_F(CairnServerTest, RefusesAnAddressInUse) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start({"127.0.0.1:0"}));
  EXPECT_THAT(
      Start({Loopback(server->port())}),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("setting listen")));
}

TEST_F(CairnServerTest, AServiceThatDoesNotStartIsStopped) {
  probe_.start_status = absl::DataLossError("FORMAT is damaged");
  EXPECT_THAT(
      Start({"127.0.0.1:0"}),
      StatusIs(absl::StatusCode::kDataLoss, "service echo: FORMAT is damaged"));
  EXPECT_TRUE(probe_.stopped);
}

using Validity = TestAuthority::Validity;

// The same, with a connection of its own that shows `token`, if any, and the
// certificate of `files`, if it has one.
grpc::Status AskWith(uint16_t port, const TlsFiles& files,
                     const std::string& token, EchoResponse* response) {
  const auto contents = [](const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = contents(files.ca);
  if (!files.cert.empty()) {
    options.pem_cert_chain = contents(files.cert);
    options.pem_private_key = contents(files.key);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel =
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                grpc::SslCredentials(options), arguments);
  grpc::ClientContext context;
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  return ::cairn::testing::v1::EchoService::NewStub(channel)->Echo(
      &context, EchoRequest(), response);
}

::testing::Matcher<std::string> Counts(const std::string& reason, int count) {
  return HasSubstr(absl::StrCat("cairn_auth_failures_total{reason=\"", reason,
                                "\"} ", count, "\n"));
}

TEST_F(CairnServerTest, RefusesBadCertificatesWhereTheyAreRequired) {
  InitializeLibraryLogs();
  const TestAuthority authority("cairn-test");
  const TestAuthority other("other-test");
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  EchoResponse response;
  EXPECT_TRUE(
      AskWith(server->port(), authority.Issue("web1"), "", &response).ok());
  TlsFiles stranger = other.Issue("web1");
  stranger.ca = authority.ca_file();
  const TlsFiles none = {.ca = authority.ca_file(), .cert = "", .key = ""};
  for (const TlsFiles& files :
       {authority.Issue("web2", "", Validity::kExpired),
        authority.Issue("web3", "", Validity::kNotYet), stranger, none}) {
    EXPECT_EQ(AskWith(server->port(), files, "t1", &response).error_code(),
              grpc::StatusCode::UNAVAILABLE)
        << files.cert;
  }
  // Clients try again, so it may be more.
  EXPECT_THAT(server->metrics().Text(),
              Not(AnyOf(Counts("handshake", 0), Counts("handshake", 1),
                        Counts("handshake", 2), Counts("handshake", 3))));
  EXPECT_THAT(server->metrics().Text(), Counts("token_not_allowed", 0));
}

TEST_F(CairnServerTest, ATokenIsTheWayInWithoutACertificate) {
  InitializeLibraryLogs();
  const TestAuthority authority("cairn-test");
  const TestAuthority other("other-test");
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kReader);
  probe_.tokens = &tokens;
  ASSERT_OK_AND_ASSIGN(const auto server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  const TlsFiles none = {.ca = authority.ca_file(), .cert = "", .key = ""};
  EchoResponse response;
  EXPECT_TRUE(AskWith(server->port(), none, "t1", &response).ok());
  EXPECT_EQ(response.principal(), "t1@token");
  EXPECT_EQ(AskWith(server->port(), none, "", &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(server->metrics().Text(), Counts("no_credentials", 1));
  tokens.Remove("t1");
  EXPECT_EQ(AskWith(server->port(), none, "t1", &response).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(server->metrics().Text(), Counts("bad_token", 1));

  // A certificate is a way in yet, its role is not added to a token's ...
  tokens.Put("t1", CallerRole::kReader);
  const TlsFiles admin = authority.Issue("a", "spiffe://cairn/admin/anna");
  EXPECT_TRUE(AskWith(server->port(), admin, "", &response).ok());
  EXPECT_EQ(response.caller_role(), static_cast<uint32_t>(CallerRole::kAdmin));
  EXPECT_TRUE(AskWith(server->port(), admin, "t1", &response).ok());
  EXPECT_EQ(response.caller_role(), static_cast<uint32_t>(CallerRole::kReader));
  // ... services have none ...
  EXPECT_EQ(AskWith(server->port(),
                    authority.Issue("i", "spiffe://cairn/service/ingest"), "t1",
                    &response)
                .error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(server->metrics().Text(), Counts("token_not_allowed", 1));
  // ... and one that is shown must be good, whatever the token.
  TlsFiles stranger = other.Issue("web1");
  stranger.ca = authority.ca_file();
  for (const TlsFiles& files :
       {authority.Issue("web2", "", Validity::kExpired),
        authority.Issue("web3", "", Validity::kNotYet), stranger}) {
    EXPECT_EQ(AskWith(server->port(), files, "t1", &response).error_code(),
              grpc::StatusCode::UNAVAILABLE)
        << files.cert;
  }
  EXPECT_THAT(server->metrics().Text(), Not(Counts("handshake", 0)));
}

TEST_F(CairnServerTest, ClientsKnowAServiceByItsUri) {
  const TestAuthority authority("cairn-test");
  const TlsFiles client = authority.Issue("i", "spiffe://cairn/service/ingest");
  const auto ask = [&](const CairnServer& server, const std::string& service) {
    return Ask({.target = Loopback(server.port()),
                .tls_ca_file = client.ca,
                .tls_cert_file = client.cert,
                .tls_key_file = client.key,
                .tls_service = service})
        .status();
  };
  // By the URI alone, although the certificate is for another host.
  ASSERT_OK_AND_ASSIGN(
      auto server,
      Start({"127.0.0.1:0"},
            authority.IssueForUri("x", "spiffe://cairn/service/index")));
  EXPECT_OK(ask(*server, "index"));
  EXPECT_THAT(ask(*server, "chunk_storage"),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ask(*server, ""), StatusIs(absl::StatusCode::kUnavailable));
  server.reset();
  // Without a URI by the name; a wrong URI is not mended by a right name.
  ASSERT_OK_AND_ASSIGN(server,
                       Start({"127.0.0.1:0"}, authority.Issue("server")));
  EXPECT_OK(ask(*server, "index"));
  server.reset();
  ASSERT_OK_AND_ASSIGN(
      server, Start({"127.0.0.1:0"},
                    authority.Issue("y", "spiffe://cairn/service/ingest")));
  EXPECT_THAT(ask(*server, "index"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(ask(*server, "ingest"));
}

}  // namespace
}  // namespace cairn
