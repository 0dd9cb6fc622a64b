#include "common/rpc/access_gate.h"

#include <sched.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/model/call.h"
#include "common/rpc/client_call.h"
#include "common/rpc/echo_suite.h"
#include "common/rpc/fake_token_directory.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::absl::StatusCode;
using ::cairn::testing::v1::EchoRequest;
using ::cairn::testing::v1::EchoResponse;
using ::testing::HasSubstr;

using Stub = EchoSuite::Stub;

constexpr absl::Duration kTimeout = absl::Seconds(60);

// One call that shows what it is given as its authorization.
class ShownCall {
 public:
  ShownCall(EchoSuite& suite, const std::string& authorization,
            const Call& call = {})
      : call_(call, suite.clock(), kTimeout) {
    if (!authorization.empty()) {
      call_.context()->AddMetadata("authorization", authorization);
    }
  }
  grpc::ClientContext* context() { return call_.context(); }
  absl::Status Finish(const grpc::Status& status) {
    return call_.Finish(status);
  }

 private:
  ClientCall call_;
};

absl::StatusOr<EchoResponse> Ask(EchoSuite& suite, Stub& stub,
                                 const std::string& authorization,
                                 const std::string& text = "",
                                 const Call& on_behalf_of = {}) {
  ShownCall call(suite, authorization, on_behalf_of);
  EchoRequest request;
  request.set_text(text);
  EchoResponse response;
  const absl::Status status =
      call.Finish(stub.Echo(call.context(), request, &response));
  if (!status.ok()) return status;
  return response;
}

absl::Status AskRepeat(EchoSuite& suite, Stub& stub,
                       const std::string& authorization,
                       const std::string& text) {
  ShownCall call(suite, authorization);
  EchoRequest request;
  request.set_text(text);
  request.set_count(1);
  const auto stream = stub.Repeat(call.context(), request);
  EchoResponse response;
  while (stream->Read(&response)) {
  }
  return call.Finish(stream->Finish());
}

// The answers to these texts on one stream.
absl::Status AskStream(EchoSuite& suite, Stub& stub,
                       const std::string& authorization,
                       const std::vector<std::string>& texts, int* answers) {
  ShownCall call(suite, authorization);
  const auto stream = stub.EchoStream(call.context());
  EchoResponse response;
  for (const std::string& text : texts) {
    EchoRequest request;
    request.set_text(text);
    if (!stream->Write(request) || !stream->Read(&response)) break;
    ++*answers;
  }
  stream->WritesDone();
  return call.Finish(stream->Finish());
}

::testing::Matcher<std::string> Counts(const std::string& reason, int count) {
  return HasSubstr(absl::StrCat("cairn_auth_failures_total{reason=\"", reason,
                                "\"} ", count, "\n"));
}

TEST(AccessGateTest, ATokenTakesThePlaceOfTheConnection) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kReader);
  EchoSuite suite({}, 4, &tokens);
  const auto stub = suite.NewStub();
  ASSERT_OK_AND_ASSIGN(const EchoResponse plain, Ask(suite, *stub, ""));
  EXPECT_EQ(plain.caller_role(), static_cast<uint32_t>(CallerRole::kAdmin));
  EXPECT_EQ(tokens.asked(), 0);
  for (const char* shown : {"Bearer t1", "bearer t1"}) {
    ASSERT_OK_AND_ASSIGN(const EchoResponse response, Ask(suite, *stub, shown));
    EXPECT_EQ(response.caller_kind(),
              static_cast<uint32_t>(CallerKind::kToken));
    EXPECT_EQ(response.caller_role(),
              static_cast<uint32_t>(CallerRole::kReader));
    EXPECT_EQ(response.principal(), "t1@token");
  }
  // The connection could, and so could this method's operators.
  EXPECT_OK(AskRepeat(suite, *stub, "", "x"));
  EXPECT_THAT(AskRepeat(suite, *stub, "Bearer t1", "x"),
              StatusIs(StatusCode::kPermissionDenied,
                       HasSubstr("t1@token with role reader may not call")));
  EXPECT_THAT(suite.registry().Text(), Counts("wrong_role", 1));
}

TEST(AccessGateTest, AWrongTokenIsRefusedWhateverTheConnection) {
  FakeTokenDirectory tokens;
  EchoSuite suite({}, 4, &tokens);
  const auto stub = suite.NewStub();
  EXPECT_THAT(Ask(suite, *stub, "Bearer gone"),
              StatusIs(StatusCode::kUnauthenticated, HasSubstr("revoked")));
  EXPECT_EQ(tokens.asked(), 1);
  for (const char* shown : {"Basic YTpi", "Bearer", "Bearer a b", "x"}) {
    EXPECT_THAT(Ask(suite, *stub, shown),
                StatusIs(StatusCode::kUnauthenticated))
        << shown;
  }
  // Two of them, either of which is good.
  tokens.Put("t1", CallerRole::kReader);
  ShownCall twice(suite, "Bearer t1");
  twice.context()->AddMetadata("authorization", "Bearer t1");
  EchoResponse response;
  EXPECT_THAT(
      twice.Finish(stub->Echo(twice.context(), EchoRequest(), &response)),
      StatusIs(StatusCode::kUnauthenticated));
  EXPECT_EQ(tokens.asked(), 1);
  EXPECT_THAT(suite.registry().Text(), Counts("bad_token", 6));
}

TEST(AccessGateTest, TokensAreRefusedWhereThereIsNoDirectory) {
  EchoSuite suite;
  EXPECT_THAT(
      Ask(suite, *suite.NewStub(), "Bearer t1"),
      StatusIs(StatusCode::kUnauthenticated, HasSubstr("takes no bearer")));
  EXPECT_THAT(suite.registry().Text(), Counts("token_not_allowed", 1));
}

TEST(AccessGateTest, ServicesAndStrangersInPlaintextShowNoToken) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kAdmin);
  EchoSuite suite({}, 4, &tokens);
  const auto service = suite.NewUnixStub(
      {CallerKind::kTls, CallerRole::kIngest, "ingest@service"});
  EXPECT_THAT(Ask(suite, *service, "Bearer t1"),
              StatusIs(StatusCode::kUnauthenticated));
  const auto service_here = suite.NewUnixStub(
      {CallerKind::kUnix, CallerRole::kIngest, "ingest@service"});
  EXPECT_THAT(
      Ask(suite, *service_here, "Bearer t1"),
      StatusIs(StatusCode::kUnauthenticated, HasSubstr("services have none")));
  // A connection of which nothing is known.
  const auto stranger = suite.NewUnixStub(Caller());
  EXPECT_THAT(Ask(suite, *stranger, "Bearer t1"),
              StatusIs(StatusCode::kUnauthenticated));
  EXPECT_EQ(tokens.asked(), 0);
  EXPECT_THAT(suite.registry().Text(), Counts("token_not_allowed", 3));
  EXPECT_THAT(Ask(suite, *stranger, ""),
              StatusIs(StatusCode::kUnauthenticated));
  EXPECT_THAT(suite.registry().Text(), Counts("no_credentials", 1));
}

TEST(AccessGateTest, ADirectoryMakesNobodyAService) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kMaintenance);
  tokens.Put("t2", CallerRole::kNone);
  tokens.Put("t3", Caller{.kind = CallerKind::kTls,
                          .role = CallerRole::kAdmin,
                          .principal = "x"});
  EchoSuite suite({}, 4, &tokens);
  const auto stub = suite.NewStub();
  for (const char* shown : {"Bearer t1", "Bearer t2", "Bearer t3"}) {
    EXPECT_THAT(Ask(suite, *stub, shown),
                StatusIs(StatusCode::kUnauthenticated));
  }
  EXPECT_THAT(suite.registry().Text(), Counts("bad_token", 3));
}

TEST(AccessGateTest, AServiceOnlyCallsWhatItsRowAllows) {
  EchoSuite suite;
  const auto index = suite.NewUnixStub(
      {CallerKind::kUnix, CallerRole::kIndex, "index@service"});
  EXPECT_THAT(Ask(suite, *index, ""), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(suite.registry().Text(), Counts("wrong_service", 1));
  EchoResponse response;
  ClientCall call({}, suite.clock(), kTimeout);
  EXPECT_THAT(call.Finish(suite.NewStub()->Unlisted(call.context(),
                                                    EchoRequest(), &response)),
              StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(suite.registry().Text(), Counts("unknown_method", 1));
}

TEST(AccessGateTest, LookupsHoldNoThreadAndNoSlot) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kReader);
  tokens.Hold();
  EchoSuite suite({.max_unary_calls = 1, .max_streams = 1}, /*unary_threads=*/1,
                  &tokens);
  const auto clients = EchoSuite::Pool("client", 6);
  std::vector<absl::Status> ends(6);
  absl::BlockingCounter left(6);
  for (int i = 0; i < 6; ++i) {
    ASSERT_OK(clients->Schedule([&, i] {
      const auto stub = suite.NewStub();
      int answers = 0;
      ends[i] = i % 2 == 0
                    ? Ask(suite, *stub, "Bearer t1").status()
                    : AskStream(suite, *stub, "Bearer t1", {"x"}, &answers);
      left.DecrementCount();
    }));
  }
  ASSERT_TRUE(tokens.AwaitAsked(6));
  // The one thread and the one slot of each kind are free.
  const auto stub = suite.NewStub();
  int answers = 0;
  EXPECT_OK(Ask(suite, *stub, ""));
  EXPECT_OK(AskStream(suite, *stub, "", {"x"}, &answers));
  EXPECT_EQ(answers, 1);
  EXPECT_GE(suite.dispatcher().calls_in_flight(), 6);
  tokens.AnswerAll();
  left.Wait();
  // There is one slot, so some may have been told to come back.
  for (const absl::Status& end : ends) {
    EXPECT_TRUE(end.ok() || absl::IsResourceExhausted(end)) << end;
  }
}

TEST(AccessGateTest, CancellationAndDeadlineEndACallThatWaits) {
  FakeTokenDirectory tokens;
  tokens.Hold();
  EchoSuite suite({.default_deadline = absl::Milliseconds(50)}, 4, &tokens);
  const auto stub = suite.NewStub();
  // The client's own deadline, and the server's where there is none.
  Call hurried;
  hurried.deadline = suite.clock().Now() + absl::Milliseconds(50);
  EXPECT_THAT(Ask(suite, *stub, "Bearer t1", "", hurried),
              StatusIs(StatusCode::kDeadlineExceeded));
  grpc::ClientContext endless;
  endless.AddMetadata("authorization", "Bearer t1");
  EchoResponse response;
  EXPECT_EQ(stub->Echo(&endless, EchoRequest(), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  ShownCall cancelled(suite, "Bearer t1");
  const auto stream = stub->EchoStream(cancelled.context());
  ASSERT_TRUE(tokens.AwaitAsked(3));
  cancelled.context()->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(suite.dispatcher().AwaitIdle(kTimeout));
  // Late answers find nobody.
  tokens.AnswerAll();
  EXPECT_EQ(suite.dispatcher().calls_in_flight(), 0);
  EXPECT_THAT(suite.registry().Text(), Counts("bad_token", 0));
}

TEST(AccessGateTest, LookupsAreBounded) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kReader);
  tokens.Hold();
  EchoSuite suite({.max_token_lookups = 2}, 4, &tokens);
  const auto stub = suite.NewStub();
  ShownCall first(suite, "Bearer t1");
  const auto one = stub->EchoStream(first.context());
  ShownCall second(suite, "Bearer t1");
  const auto two = stub->EchoStream(second.context());
  ASSERT_TRUE(tokens.AwaitAsked(2));
  const absl::Status third = Ask(suite, *stub, "Bearer t1").status();
  EXPECT_THAT(third, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(RetryDelayOf(third), absl::Seconds(1));
  EXPECT_EQ(tokens.asked(), 2);
  EXPECT_THAT(suite.registry().Text(), Counts("token_unavailable", 1));
  // Who need not wait is not kept out by who must.
  tokens.Put("t2", CallerRole::kReader);
  tokens.Know("t2");
  EXPECT_OK(Ask(suite, *stub, "Bearer t2"));
  // A caller that has gone leaves its question with the directory.
  first.context()->TryCancel();
  EXPECT_FALSE(first.Finish(one->Finish()).ok());
  EXPECT_THAT(Ask(suite, *stub, "Bearer t1"),
              StatusIs(StatusCode::kResourceExhausted));
  tokens.AnswerAll();
  two->WritesDone();
  EXPECT_OK(second.Finish(two->Finish()));
  EXPECT_OK(Ask(suite, *stub, "Bearer t1"));
}

TEST(AccessGateTest, ADirectoryThatCannotTellIsUnavailable) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", absl::UnavailableError("maintenance is away"));
  tokens.Put("t2", absl::CancelledError("of another"));
  tokens.Put("t3", absl::InternalError("x"));
  EchoSuite suite({}, 4, &tokens);
  const auto stub = suite.NewStub();
  for (const char* shown : {"Bearer t1", "Bearer t2", "Bearer t3"}) {
    const absl::Status status = Ask(suite, *stub, shown).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable)) << shown;
    EXPECT_TRUE(RetryDelayOf(status).has_value());
  }
  EXPECT_THAT(suite.registry().Text(), Counts("token_unavailable", 3));
}

TEST(AccessGateTest, ASilentDirectoryIsNotWaitedFor) {
  FakeTokenDirectory tokens;
  tokens.Hold();
  EchoSuite suite({.token_timeout = absl::Milliseconds(20)}, 4, &tokens);
  EXPECT_THAT(Ask(suite, *suite.NewStub(), "Bearer t1"),
              StatusIs(StatusCode::kUnavailable, HasSubstr("slow")));
}

TEST(AccessGateTest, DrainRefusesWhoIsStillLookedUp) {
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kOperator);
  tokens.Hold();
  EchoSuite suite({}, 4, &tokens);
  const auto stub = suite.NewStub();
  ShownCall call(suite, "Bearer t1");
  EchoRequest request;
  request.set_text("x");
  const auto watch = stub->Repeat(call.context(), request);
  ASSERT_TRUE(tokens.AwaitAsked(1));
  suite.dispatcher().Drain();
  EXPECT_FALSE(suite.dispatcher().AwaitIdle(absl::ZeroDuration()));
  tokens.AnswerAll();
  EchoResponse response;
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_THAT(call.Finish(watch->Finish()), HasReasonCode(reason::kDraining));
  // What ends begun work is served yet.
  EXPECT_OK(Ask(suite, *stub, "Bearer t1"));
}

TEST(AccessGateTest, AScopeBoundsWhatACallMayName) {
  FakeTokenDirectory tokens;
  tokens.Put("web", CallerRole::kOperator, "datastores/main/namespaces/web");
  EchoSuite suite({}, 4, &tokens);
  const auto stub = suite.NewStub();
  const std::string inside = "datastores/main/namespaces/web/groups/vm/1";
  const std::string outside = "datastores/main/namespaces/mail/groups/vm/1";
  EXPECT_OK(Ask(suite, *stub, "Bearer web", inside));
  for (const std::string& name : {outside, std::string()}) {
    const absl::Status refused = Ask(suite, *stub, "Bearer web", name).status();
    EXPECT_THAT(refused, StatusIs(StatusCode::kPermissionDenied)) << name;
    EXPECT_THAT(refused, HasReasonCode(reason::kOutOfScope)) << name;
    EXPECT_OK(Ask(suite, *stub, "", name));
  }
  EXPECT_OK(AskRepeat(suite, *stub, "Bearer web", "datastores/main/jobs/x"));
  EXPECT_THAT(AskRepeat(suite, *stub, "Bearer web", "datastores/m/jobs/x"),
              HasReasonCode(reason::kOutOfScope));
  // Of a stream the first message tells.
  int answers = 0;
  EXPECT_OK(AskStream(suite, *stub, "Bearer web", {inside, "any"}, &answers));
  EXPECT_EQ(answers, 2);
  answers = 0;
  EXPECT_THAT(
      AskStream(suite, *stub, "Bearer web", {outside, inside}, &answers),
      HasReasonCode(reason::kOutOfScope));
  EXPECT_EQ(answers, 0);
  // A method whose resource nobody can tell.
  ShownCall call(suite, "Bearer web");
  EchoResponse response;
  const auto writer = stub->Collect(call.context(), &response);
  writer->WritesDone();
  EXPECT_THAT(call.Finish(writer->Finish()),
              HasReasonCode(reason::kOutOfScope));
  EXPECT_THAT(suite.registry().Text(), Counts("wrong_scope", 5));
}

TEST(AccessGateTest, CallsAndAnswersThatRaceEndOnceEach) {
  constexpr int kClients = 8;
  constexpr int kCallsEach = 60;
  FakeTokenDirectory tokens;
  tokens.Put("t1", CallerRole::kOperator);
  EchoSuite suite({.token_timeout = absl::Milliseconds(3)}, 4, &tokens);
  const uint64_t seed = TestSeed();
  const auto clients = EchoSuite::Pool("client", kClients + 1);
  std::atomic<bool> stop = false;
  absl::Notification answered;
  ASSERT_OK(clients->Schedule([&] {
    std::mt19937_64 random(seed);
    while (!stop.load()) {
      tokens.Hold();
      for (uint64_t i = random() % 50000; i > 0 && !stop.load(); --i) {
        sched_yield();
        if (i % 1000 == 0) break;
      }
      tokens.AnswerAll();
    }
    answered.Notify();
  }));
  absl::BlockingCounter left(kClients);
  for (int client = 0; client < kClients; ++client) {
    ASSERT_OK(clients->Schedule([&, client] {
      std::mt19937_64 random(seed + 1 + client);
      const auto stub = suite.NewStub();
      for (int i = 0; i < kCallsEach; ++i) {
        Call call;
        call.deadline =
            suite.clock().Now() + absl::Microseconds(random() % 8000);
        const absl::Status status =
            random() % 2 == 0
                ? Ask(suite, *stub, "Bearer t1", "x", call).status()
                : AskRepeat(suite, *stub, "Bearer t1", "x");
        EXPECT_TRUE(status.ok() || absl::IsDeadlineExceeded(status) ||
                    absl::IsUnavailable(status) || absl::IsCancelled(status) ||
                    absl::IsResourceExhausted(status))
            << status;
      }
      left.DecrementCount();
    }));
  }
  left.Wait();
  stop.store(true);
  answered.WaitForNotification();
  EXPECT_TRUE(suite.dispatcher().AwaitIdle(kTimeout));
}

}  // namespace
}  // namespace cairn
