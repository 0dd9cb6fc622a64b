#include "common/rpc/dispatcher.h"

#include <sched.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/log/log.h"
#include "common/metrics/metric_registry.h"
#include "common/rpc/channel.h"
#include "common/rpc/client_call.h"
#include "common/rpc/echo_suite.h"
#include "common/rpc/peer_methods.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/trace/trace_context.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::cairn::testing::v1::EchoRequest;
using ::cairn::testing::v1::EchoResponse;
using ::testing::AnyOf;
using ::testing::HasSubstr;

using Suite = EchoSuite;
using Stub = EchoSuite::Stub;

absl::Status Echo(Suite& suite, Stub& stub, const EchoRequest& request,
                  EchoResponse* response) {
  ClientCall client({}, suite.clock(), absl::Seconds(60));
  return client.Finish(stub.Echo(client.context(), request, response));
}

TEST(DispatcherTest, AHandlerSeesTheCallerTheDeadlineAndTheTrace) {
  Suite suite;
  const std::string trace =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  Call call;
  call.trace_parent = trace;
  ClientCall client(call, suite.clock(), absl::Seconds(60));
  EchoRequest request;
  request.set_text("hello");
  EchoResponse response;
  ASSERT_OK(client.Finish(
      suite.NewStub()->Echo(client.context(), request, &response)));
  EXPECT_EQ(response.text(), "hello");
  EXPECT_EQ(response.principal(), "loopback");
  EXPECT_EQ(response.caller_role(), static_cast<uint32_t>(CallerRole::kAdmin));
  // Another step of the same request.
  const auto seen = ParseTraceParent(response.trace_parent());
  ASSERT_TRUE(seen.has_value()) << response.trace_parent();
  EXPECT_EQ(seen->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(seen->span_id, "b7ad6b7169203331");
}

TEST(DispatcherTest, ADamagedTraceIsNotHandedOnAndANewOneBegins) {
  Suite suite;
  for (const char* damaged :
       {"00-XYZ7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", "00"}) {
    grpc::ClientContext context;
    context.AddMetadata("traceparent", damaged);
    EchoResponse response;
    ASSERT_TRUE(suite.NewStub()->Echo(&context, EchoRequest(), &response).ok());
    EXPECT_TRUE(ParseTraceParent(response.trace_parent()).has_value())
        << response.trace_parent();
  }
}

// A channel that counts its calls in `registry`.
std::unique_ptr<::cairn::testing::v1::EchoService::Stub> NewCountingStub(
    const Suite& suite, MetricRegistry* registry) {
  const auto channel =
      CreateChannel({.target = absl::StrCat("127.0.0.1:", suite.port()),
                     .methods = CountPeerMethods(
                         {"cairn.testing.v1.EchoService"}, registry)});
  EXPECT_OK(channel);
  return ::cairn::testing::v1::EchoService::NewStub(*channel);
}

TEST(ClientCallTest, CountsOnAChannelWithMetrics) {
  Suite suite;
  MetricRegistry registry;
  const auto stub = NewCountingStub(suite, &registry);
  EchoRequest request;
  EchoResponse response;
  ASSERT_OK(Echo(suite, *stub, request, &response));
  request.set_fail_code(static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_FALSE(Echo(suite, *stub, request, &response).ok());
  const std::string method =
      "grpc_method=\"Echo\",grpc_service=\"cairn.testing.v1.EchoService\","
      "grpc_type=\"unary\"}";
  const std::string text = registry.Text();
  for (const char* expected :
       {"grpc_client_started_total{%s 2\n", "grpc_client_msg_sent_total{%s 2\n",
        "grpc_client_msg_received_total{%s 1\n",
        "grpc_client_handled_total{grpc_code=\"OK\",%s 1\n",
        "grpc_client_handled_total{grpc_code=\"NotFound\",%s 1\n",
        "grpc_client_handled_total{grpc_code=\"DataLoss\",%s 0\n",
        "grpc_client_handling_seconds_count{%s 2\n"}) {
    EXPECT_THAT(text,
                HasSubstr(absl::StrReplaceAll(expected, {{"%s", method}})));
  }
}

TEST(ClientCallTest, ACallThatIsLeftCountsAsCancelled) {
  Suite suite;
  MetricRegistry registry;
  const auto stub = NewCountingStub(suite, &registry);
  {
    ClientCall client({}, suite.clock(), absl::Seconds(60));
    const auto stream = stub->EchoStream(client.context());
    ASSERT_TRUE(stream->Write(EchoRequest()));
    client.CountSent();
    EchoResponse response;
    ASSERT_TRUE(stream->Read(&response));
    client.CountReceived();
    client.context()->TryCancel();
    stream->Finish();
  }
  const std::string method =
      "grpc_method=\"EchoStream\",grpc_service=\"cairn.testing.v1."
      "EchoService\",grpc_type=\"bidi_stream\"}";
  const std::string text = registry.Text();
  for (const char* expected :
       {"grpc_client_started_total{%s 1\n", "grpc_client_msg_sent_total{%s 1\n",
        "grpc_client_msg_received_total{%s 1\n",
        "grpc_client_handled_total{grpc_code=\"Canceled\",%s 1\n"}) {
    EXPECT_THAT(text,
                HasSubstr(absl::StrReplaceAll(expected, {{"%s", method}})));
  }
}

TEST(DispatcherTest, ChannelsOfARequestHandItOn) {
  Suite suite;
  ASSERT_OK_AND_ASSIGN(
      const auto channel,
      CreateChannel({.target = absl::StrCat("127.0.0.1:", suite.port()),
                     .trace_parent = "00-0af7651916cd43dd8448eb211c80319c-"
                                     "b7ad6b7169203331-01"}));
  const auto stub = ::cairn::testing::v1::EchoService::NewStub(channel);
  grpc::ClientContext context;
  EchoResponse response;
  ASSERT_TRUE(stub->Echo(&context, EchoRequest(), &response).ok());
  EXPECT_THAT(response.trace_parent(),
              HasSubstr("00-0af7651916cd43dd8448eb211c80319c-"));
}

TEST(DispatcherTest, AnEndedCallIsOneLineWithItsFields) {
  Suite suite;
  std::vector<std::string> lines;
  absl::Mutex mutex;
  const LogSink previous = SetLogSink([&](LogLevel, std::string_view line) {
    absl::MutexLock lock(&mutex);
    lines.emplace_back(line);
  });
  SetLogLevel(LogLevel::kDebug);
  EchoRequest request;
  request.set_fail_code(static_cast<int>(absl::StatusCode::kDataLoss));
  request.set_text("pack 7 is damaged");
  EchoResponse response;
  EXPECT_FALSE(Echo(suite, *suite.NewStub(), request, &response).ok());
  SetLogLevel(LogLevel::kInfo);
  SetLogSink(previous);
  absl::MutexLock lock(&mutex);
  std::vector<std::string> failed;
  for (const std::string& line : lines) {
    if (line.find("\"call failed\"") != std::string::npos) {
      failed.push_back(line);
    }
  }
  ASSERT_EQ(failed.size(), 1u);
  for (const char* part :
       {"\"level\":\"error\"", "\"rpc\":\"cairn.testing.v1.EchoService/Echo\"",
        "\"code\":\"DATA_LOSS\"", "\"err\":\"pack 7 is damaged\"",
        "\"principal\":\"loopback\"", "\"dur_s\":0.", "\"trace_id\":\"",
        "\"span_id\":\"", "\"parent_span_id\":\""}) {
    EXPECT_THAT(failed[0], HasSubstr(part));
  }
}

TEST(DispatcherTest, StatusAndTextOfAHandlerReachTheClient) {
  Suite suite;
  const auto stub = suite.NewStub();
  EchoRequest request;
  request.set_fail_code(static_cast<int>(absl::StatusCode::kDataLoss));
  request.set_text("pack 7 is damaged");
  EchoResponse response;
  EXPECT_THAT(Echo(suite, *stub, request, &response),
              StatusIs(absl::StatusCode::kDataLoss, "pack 7 is damaged"));
  EXPECT_THAT(suite.registry().Text(),
              HasSubstr("grpc_server_handled_total{grpc_code=\"DataLoss\","
                        "grpc_method=\"Echo\",grpc_service=\"cairn.testing.v1."
                        "EchoService\",grpc_type=\"unary\"} 1"));
}

TEST(DispatcherTest, AMethodWithoutARowIsRefused) {
  Suite suite;
  ClientCall client({}, suite.clock(), absl::Seconds(60));
  EchoResponse response;
  EXPECT_THAT(client.Finish(suite.NewStub()->Unlisted(
                  client.context(), EchoRequest(), &response)),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       HasSubstr("cairn.testing.v1.EchoService/Unlisted")));
}

TEST(DispatcherTest, ACallWithoutADeadlineGetsTheServers) {
  Suite suite({.default_deadline = absl::Milliseconds(20)});
  grpc::ClientContext context;
  EchoRequest request;
  request.set_wait_for_cancellation(true);
  EchoResponse response;
  EXPECT_THAT(
      FromGrpcStatus(suite.NewStub()->Echo(&context, request, &response)),
      StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(DispatcherTest, ACancelledClientCancelsTheHandler) {
  Suite suite;
  CancellationToken token;
  Call call;
  call.cancellation = &token;
  ClientCall client(call, suite.clock(), absl::InfiniteDuration());
  const auto stub = suite.NewStub();
  const auto stream = stub->EchoStream(client.context());
  EchoRequest request;
  ASSERT_TRUE(stream->Write(request));
  EchoResponse response;
  ASSERT_TRUE(stream->Read(&response));
  request.set_wait_for_cancellation(true);
  ASSERT_TRUE(stream->Write(request));
  token.Cancel();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(client.Finish(stream->Finish()),
              StatusIs(absl::StatusCode::kCancelled));
  // The suite's end waits for the handler.
}

TEST(DispatcherTest, CallsBeyondTheLimitAreToldToWait) {
  Suite suite({.max_unary_calls = 1, .max_streams = 1});
  const auto stub = suite.NewStub();
  ClientCall first({}, suite.clock(), absl::InfiniteDuration());
  const auto stream = stub->EchoStream(first.context());
  EchoResponse response;
  ASSERT_TRUE(stream->Write(EchoRequest()));
  ASSERT_TRUE(stream->Read(&response));
  ClientCall second({}, suite.clock(), absl::Seconds(60));
  const auto refused = stub->EchoStream(second.context());
  EXPECT_FALSE(refused->Read(&response));
  const absl::Status status = second.Finish(refused->Finish());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("allowed are 1")));
  EXPECT_EQ(RetryDelayOf(status), absl::Seconds(1));
  EXPECT_THAT(status, HasReasonCode(reason::kLimitExceeded));
  // Unary calls have a limit of their own.
  EXPECT_OK(Echo(suite, *stub, EchoRequest(), &response));
  stream->WritesDone();
  EXPECT_OK(first.Finish(stream->Finish()));
}

// A stream that its server has admitted.
class OpenStream {
 public:
  OpenStream(Suite& suite, Stub& stub)
      : client_({}, suite.clock(), absl::Seconds(60)),
        stream_(stub.EchoStream(client_.context())) {
    EchoResponse response;
    admitted_ = stream_->Write(EchoRequest()) && stream_->Read(&response);
  }
  bool admitted() const { return admitted_; }
  absl::Status End() {
    stream_->WritesDone();
    return client_.Finish(stream_->Finish());
  }

 private:
  ClientCall client_;
  const std::unique_ptr<grpc::ClientReaderWriter<EchoRequest, EchoResponse>>
      stream_;
  bool admitted_ = false;
};

TEST(DispatcherTest, OneClientLeavesStreamsToOthers) {
  Suite suite({.max_streams = 4, .max_streams_per_client = 2});
  const auto greedy = suite.NewClientStub("greedy@tls");
  OpenStream first(suite, *greedy);
  OpenStream second(suite, *greedy);
  ASSERT_TRUE(first.admitted() && second.admitted());
  // A second connection of the same client changes nothing.
  const auto again = suite.NewClientStub("greedy@tls");
  OpenStream refused(suite, *again);
  EXPECT_FALSE(refused.admitted());
  const absl::Status status = refused.End();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("client greedy@tls has 2 streams")));
  EXPECT_THAT(status, HasReasonCode(reason::kLimitExceeded));
  EXPECT_EQ(RetryDelayOf(status), absl::Seconds(1));
  // Another client, and unary calls of the same.
  const auto modest = suite.NewClientStub("modest@tls");
  OpenStream other(suite, *modest);
  EXPECT_TRUE(other.admitted());
  EchoResponse response;
  EXPECT_OK(Echo(suite, *greedy, EchoRequest(), &response));
  // What has ended is free again.
  EXPECT_OK(first.End());
  // Soon after the client knows of the end.
  while (suite.dispatcher().calls_in_flight() > 2) sched_yield();
  OpenStream third(suite, *again);
  EXPECT_TRUE(third.admitted());
  EXPECT_OK(second.End());
  EXPECT_OK(third.End());
  EXPECT_OK(other.End());
}

TEST(DispatcherTest, AdministratorsMayHoldAllStreams) {
  Suite suite({.max_streams = 2, .max_streams_per_client = 1});
  const auto stub = suite.NewStub();
  OpenStream first(suite, *stub);
  OpenStream second(suite, *stub);
  EXPECT_TRUE(first.admitted() && second.admitted());
  EXPECT_OK(first.End());
  EXPECT_OK(second.End());
}

TEST(DispatcherTest, AStreamWithoutAFirstMessageIsEnded) {
  Suite suite({.first_message_timeout = absl::Milliseconds(50)});
  const auto stub = suite.NewStub();
  ClientCall both({}, suite.clock(), absl::Seconds(60));
  const auto stream = stub->EchoStream(both.context());
  EchoResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(both.Finish(stream->Finish()),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       HasSubstr("50ms without a message")));
  ClientCall one({}, suite.clock(), absl::Seconds(60));
  const auto writer = stub->Collect(one.context(), &response);
  EXPECT_THAT(one.Finish(writer->Finish()),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       HasSubstr("50ms without a message")));
}

TEST(DispatcherTest, AStreamMayPauseAfterItsFirstMessage) {
  Suite suite({.first_message_timeout = absl::Seconds(1)});
  const auto stub = suite.NewStub();
  OpenStream stream(suite, *stub);
  ASSERT_TRUE(stream.admitted());
  // By when its time is over: the server has ended a stream opened later.
  ClientCall late({}, suite.clock(), absl::Seconds(60));
  const auto silent = stub->EchoStream(late.context());
  EchoResponse response;
  EXPECT_FALSE(silent->Read(&response));
  EXPECT_FALSE(late.Finish(silent->Finish()).ok());
  EXPECT_OK(stream.End());
}

TEST(DispatcherTest, DrainRefusesNewWorkAndLetsTheOldEnd) {
  Suite suite;
  const auto stub = suite.NewStub();
  EchoResponse response;
  ClientCall old({}, suite.clock(), absl::InfiniteDuration());
  EchoResponse collected;
  const auto writer = stub->Collect(old.context(), &collected);
  ASSERT_TRUE(writer->Write(EchoRequest()));
  ClientCall watch({}, suite.clock(), absl::InfiniteDuration());
  EchoRequest forever;
  forever.set_count(1);
  forever.set_wait_for_cancellation(true);
  const auto reader = stub->Repeat(watch.context(), forever);
  ASSERT_TRUE(reader->Read(&response));
  // Answered after Collect, on the same connection, was admitted.
  ASSERT_OK(Echo(suite, *stub, EchoRequest(), &response));

  suite.dispatcher().Drain();

  EXPECT_FALSE(reader->Read(&response));
  EXPECT_THAT(watch.Finish(reader->Finish()), HasReasonCode(reason::kDraining));
  ClientCall late({}, suite.clock(), absl::Seconds(60));
  EchoResponse ignored;
  const auto refused = stub->Collect(late.context(), &ignored);
  const absl::Status status = late.Finish(refused->Finish());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasReasonCode(reason::kDraining));
  EXPECT_OK(Echo(suite, *stub, EchoRequest(), &response));
  EXPECT_FALSE(suite.dispatcher().AwaitIdle(absl::ZeroDuration()));
  ASSERT_TRUE(writer->Write(EchoRequest()));
  writer->WritesDone();
  EXPECT_OK(old.Finish(writer->Finish()));
  EXPECT_EQ(collected.count(), 2u);
  EXPECT_TRUE(suite.dispatcher().AwaitIdle(absl::Seconds(60)));
}

TEST(DispatcherTest, AStalledPeerIsCutOff) {
  Suite suite({.write_stall_timeout = absl::Milliseconds(50)});
  ClientCall client({}, suite.clock(), absl::Seconds(60));
  EchoRequest request;
  request.set_count(1000);
  request.set_padding_bytes(1024 * 1024);
  const auto stub = suite.NewStub();
  const auto reader = stub->Repeat(client.context(), request);
  EchoResponse response;
  ASSERT_TRUE(reader->Read(&response));
  // Nothing more is read, so that the windows of flow control fill up. The
  // handler ends although its client never does.
  EXPECT_TRUE(suite.dispatcher().AwaitIdle(absl::Seconds(120)));
  uint32_t received = 1;
  while (reader->Read(&response)) ++received;
  EXPECT_LT(received, 1000u);
  EXPECT_FALSE(client.Finish(reader->Finish()).ok());
}

// One client's life: a stream of some kind that ends in some way. False: the
// server had no slot, because cancelled streams before it have not ended.
bool RunOneStream(Suite& suite, Stub& stub, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto chance = [&random](int percent) {
    return static_cast<int>(random() % 100) < percent;
  };
  CancellationToken token;
  Call call;
  call.cancellation = &token;
  ClientCall client(call, suite.clock(), absl::Seconds(120));
  const auto stream = stub.EchoStream(client.context());
  const int messages = static_cast<int>(random() % 30);
  const int cancel_at = chance(30) ? static_cast<int>(random() % 30) : -1;
  const int fail_at = chance(30) ? static_cast<int>(random() % 30) : -1;
  int received = 0;
  EchoResponse response;
  bool alive = true;
  for (int i = 0; i < messages && alive; ++i) {
    EchoRequest request;
    request.set_text(absl::StrCat(seed, "-", i));
    if (chance(10)) request.set_padding_bytes(256 * 1024);
    if (i == fail_at) {
      request.set_fail_code(static_cast<int>(absl::StatusCode::kAborted));
    }
    if (i == cancel_at) token.Cancel();
    alive = stream->Write(request);
    // A slow reader takes some answers late and some never.
    if (alive && chance(60)) {
      alive = stream->Read(&response);
      if (alive) {
        EXPECT_EQ(response.text(), absl::StrCat(seed, "-", received));
        ++received;
      }
    }
  }
  if (alive) stream->WritesDone();
  while (stream->Read(&response)) {
    EXPECT_EQ(response.text(), absl::StrCat(seed, "-", received));
    ++received;
  }
  const absl::Status status = client.Finish(stream->Finish());
  if (HasReason(status, reason::kLimitExceeded)) return false;
  const bool cancels = cancel_at >= 0 && cancel_at < messages;
  const bool fails = fail_at >= 0 && fail_at < messages;
  if (!cancels && !fails) {
    EXPECT_OK(status);
    EXPECT_EQ(received, messages);
  } else if (!cancels) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
    EXPECT_EQ(received, fail_at);
  } else {
    EXPECT_THAT(status, AnyOf(StatusIs(absl::StatusCode::kCancelled),
                              StatusIs(absl::StatusCode::kAborted)));
  }
  return true;
}

TEST(DispatcherTest, ManyStreamsThatEndInAllWaysDoNotDisturbEachOther) {
  constexpr int kClients = 16;
  constexpr int kStreamsPerClient = 25;
  Suite suite({.max_streams = 2 * kClients});
  const auto clients = Suite::Pool("client", kClients);
  const uint64_t seed = TestSeed();
  std::atomic<int> ended = 0;
  absl::Notification done;
  for (int i = 0; i < kClients; ++i) {
    ASSERT_OK(clients->Schedule([&, i] {
      const auto stub = suite.NewStub();
      for (int j = 0; j < kStreamsPerClient; ++j) {
        while (!RunOneStream(suite, *stub, seed + 1000 * i + j)) {
        }
      }
      if (++ended == kClients) done.Notify();
    }));
  }
  done.WaitForNotification();
  clients->Shutdown();
  EXPECT_TRUE(suite.dispatcher().AwaitIdle(absl::Seconds(60)));
  EXPECT_THAT(suite.registry().Text(),
              HasSubstr("cairn_rpc_calls_in_flight 0"));
}

TEST(DispatcherTest, AServerThatStopsEndsItsStreams) {
  EchoResponse response;
  ClientCall client({}, SystemClock(), absl::Seconds(60));
  std::unique_ptr<Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<EchoRequest, EchoResponse>> stream;
  {
    Suite suite;
    stub = suite.NewStub();
    stream = stub->EchoStream(client.context());
    ASSERT_TRUE(stream->Write(EchoRequest()));
    ASSERT_TRUE(stream->Read(&response));
  }
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_FALSE(client.Finish(stream->Finish()).ok());
}

}  // namespace
}  // namespace cairn
