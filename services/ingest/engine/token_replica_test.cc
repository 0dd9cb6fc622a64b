#include "services/ingest/engine/token_replica.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::ingest {
namespace {

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[0] = n;
  return id;
}
std::string Secret(uint8_t n) {
  return std::string(kTokenSecretBytes, static_cast<char>(n));
}
std::string Text(uint8_t n) { return FormatTokenText(Id(n), Secret(n)); }

// Maintenance with its tokens.
class FakeTokens final : public TokenClient {
 public:
  absl::StatusOr<TokenCopy> ReadTokens(const Call& call,
                                       std::string_view known) override {
    ++reads;
    EXPECT_EQ(call.caller.role, CallerRole::kIngest);
    EXPECT_LT(call.deadline, absl::InfiniteFuture());
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    if (!error.ok()) return error;
    if (lies) return TokenCopy{.version = "other", .unchanged = true};
    const std::string version = absl::StrCat("v", changes);
    if (known == version)
      return TokenCopy{.version = version, .unchanged = true};
    ++copies;
    return TokenCopy{.version = version, .entries = entries};
  }

  void Add(uint8_t n, absl::Time expire_time = absl::InfiniteFuture()) {
    ++changes;
    entries.push_back({.id = Id(n),
                       .secret_hash = HashTokenSecret(Secret(n)),
                       .name = absl::StrCat("web", n),
                       .role = CallerRole::kBackup,
                       .expire_time = expire_time});
  }
  void Revoke(uint8_t n) {
    ++changes;
    std::erase_if(entries,
                  [n](const TokenEntry& entry) { return entry.id == Id(n); });
  }

  int changes = 0;
  std::vector<TokenEntry> entries;
  absl::Status error;
  bool lies = false;
  std::function<void()> meanwhile;  // once, before the next answer
  int reads = 0;
  int copies = 0;
};

class TokenReplicaTest : public ::testing::Test {
 protected:
  using Result = std::optional<absl::StatusOr<Caller>>;

  ~TokenReplicaTest() override { replica_.Stop(); }

  void Start() {
    replica_.Start();
    executor_.Run();
  }
  // Where the answer comes to be.
  std::shared_ptr<Result> Ask(const std::string& text) {
    auto result = std::make_shared<Result>();
    replica_.Find(text, [result](absl::StatusOr<Caller> caller) {
      EXPECT_FALSE(result->has_value()) << "answered twice";
      *result = std::move(caller);
    });
    return result;
  }
  // The answer that is there at once.
  absl::StatusOr<Caller> AskNow(const std::string& text) {
    const auto result = Ask(text);
    EXPECT_TRUE(result->has_value());
    return result->value_or(absl::InternalError("no answer yet"));
  }

  FakeClock clock_;
  TestExecutor executor_{&clock_};
  FakeTokens tokens_;
  MetricRegistry registry_;
  TokenReplica::Metrics metrics_{&registry_};
  TokenReplica replica_{{},
                        {.tokens = &tokens_,
                         .clock = &clock_,
                         .executor = &executor_,
                         .metrics = &metrics_}};
};

TEST_F(TokenReplicaTest, KnowsTokensWithoutAskingAgain) {
  tokens_.Add(1);
  Start();
  const int reads = tokens_.reads;
  ASSERT_OK_AND_ASSIGN(const Caller caller, AskNow(Text(1)));
  EXPECT_EQ(caller.kind, CallerKind::kToken);
  EXPECT_EQ(caller.principal, "web1@token");
  // A wrong secret of a known id, and what is no token, cost nobody anything.
  EXPECT_THAT(AskNow(FormatTokenText(Id(1), Secret(2))),
              StatusIs(kUnauthenticated));
  EXPECT_THAT(AskNow("cairn_x"), StatusIs(kUnauthenticated));
  EXPECT_EQ(tokens_.reads, reads);
}

TEST_F(TokenReplicaTest, ACallThatComesFirstWaitsForTheFirstCopy) {
  tokens_.Add(1);
  const auto early = Ask(Text(1));
  EXPECT_FALSE(early->has_value());
  Start();
  ASSERT_TRUE(early->has_value());
  EXPECT_OK(**early);
}

TEST_F(TokenReplicaTest, ANewTokenWorksAtOnce) {
  Start();
  clock_.Advance(absl::Seconds(1));
  tokens_.Add(1);
  const auto result = Ask(Text(1));
  executor_.Run();
  ASSERT_TRUE(result->has_value());
  EXPECT_OK(**result);
}

TEST_F(TokenReplicaTest, ARevokedTokenIsRefusedWithinFiveSeconds) {
  tokens_.Add(1);
  Start();
  tokens_.Revoke(1);
  executor_.AdvanceAndRun(absl::Seconds(3));
  const auto result = Ask(Text(1));
  executor_.AdvanceAndRun(absl::Seconds(2));
  ASSERT_TRUE(result->has_value());
  EXPECT_THAT(**result, StatusIs(kUnauthenticated));
}

TEST_F(TokenReplicaTest, ExpiresByItsOwnClockBetweenTwoRefreshes) {
  tokens_.Add(1, clock_.Now() + absl::Milliseconds(500));
  Start();
  EXPECT_OK(AskNow(Text(1)));
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_THAT(AskNow(Text(1)), StatusIs(kUnauthenticated));
}

TEST_F(TokenReplicaTest, WhileNothingChangesNoCopyIsMade) {
  tokens_.Add(1);
  Start();
  executor_.AdvanceAndRun(absl::Minutes(1));
  EXPECT_GE(tokens_.reads, 55);
  EXPECT_LE(tokens_.reads, 65);
  EXPECT_EQ(tokens_.copies, 1);
  EXPECT_EQ(metrics_.refreshes_failed.Value(), 0);
  EXPECT_EQ(metrics_.age_seconds.Value(), 0);
}

TEST_F(TokenReplicaTest, FailsClosedAMinuteAfterMaintenanceWasLost) {
  tokens_.Add(1);
  Start();
  tokens_.error = absl::UnavailableError("gone");
  executor_.AdvanceAndRun(absl::Seconds(57));
  EXPECT_OK(AskNow(Text(1)));
  EXPECT_GE(metrics_.refreshes_failed.Value(), 20);
  EXPECT_GE(metrics_.age_seconds.Value(), 50);
  executor_.AdvanceAndRun(absl::Seconds(3));
  const auto refused = Ask(Text(1));
  executor_.AdvanceAndRun(absl::Seconds(2));
  ASSERT_TRUE(refused->has_value());
  EXPECT_THAT(**refused, StatusIs(kUnavailable));
  // And goes on when it is back.
  tokens_.error = absl::OkStatus();
  const auto again = Ask(Text(1));
  executor_.AdvanceAndRun(absl::Seconds(2));
  ASSERT_TRUE(again->has_value());
  EXPECT_OK(**again);
  EXPECT_EQ(metrics_.age_seconds.Value(), 0);
}

TEST_F(TokenReplicaTest, AnUnknownTokenIsNotRefusedWithoutMaintenance) {
  Start();
  tokens_.error = absl::UnavailableError("gone");
  const auto result = Ask(Text(1));
  executor_.AdvanceAndRun(absl::Seconds(2));
  ASSERT_TRUE(result->has_value());
  EXPECT_THAT(**result, StatusIs(kUnavailable));
}

TEST_F(TokenReplicaTest, AFloodOfUnknownTokensStaysBounded) {
  tokens_.Add(1);
  Start();
  const int reads = tokens_.reads;
  int refused = 0;
  int overload = 0;
  int answers = 0;
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 1000; ++i) {
      replica_.Find(Text(static_cast<uint8_t>(2 + i % 200)),
                    [&](absl::StatusOr<Caller> caller) {
                      ++answers;
                      refused += absl::IsUnauthenticated(caller.status());
                      overload += absl::IsUnavailable(caller.status());
                    });
    }
    EXPECT_LE(executor_.timers(), 4u);
    // Who is known is not held up.
    EXPECT_OK(AskNow(Text(1)));
    executor_.AdvanceAndRun(absl::Seconds(1));
  }
  executor_.AdvanceAndRun(absl::Seconds(2));
  EXPECT_EQ(answers, 10'000);
  EXPECT_EQ(refused, 2560);
  EXPECT_EQ(overload, 7440);
  EXPECT_LE(tokens_.reads - reads, 12) << "one a second";
}

TEST_F(TokenReplicaTest, WhoComesDuringARefreshIsJudgedByTheNext) {
  Start();
  clock_.Advance(absl::Seconds(1));
  // While the answer is on its way, a token is made and shown; the answer
  // knows nothing of it.
  std::shared_ptr<Result> late;
  tokens_.meanwhile = [&] { late = Ask(Text(1)); };
  const auto unknown = Ask(Text(2));
  executor_.Run();
  ASSERT_TRUE(unknown->has_value());
  EXPECT_THAT(**unknown, StatusIs(kUnauthenticated));
  ASSERT_NE(late, nullptr);
  EXPECT_FALSE(late->has_value());
  tokens_.Add(1);
  executor_.AdvanceAndRun(absl::Seconds(1));
  ASSERT_TRUE(late->has_value());
  EXPECT_OK(**late);
}

TEST_F(TokenReplicaTest, AnAnswerThatContradictsItselfConfirmsNothing) {
  tokens_.Add(1);
  Start();
  tokens_.lies = true;
  executor_.AdvanceAndRun(absl::Seconds(61));
  const auto result = Ask(Text(1));
  executor_.AdvanceAndRun(absl::Seconds(2));
  EXPECT_THAT(**result, StatusIs(kUnavailable));
}

TEST_F(TokenReplicaTest, StopAnswersWhoWaits) {
  Start();
  const auto waiting = Ask(Text(1));
  EXPECT_FALSE(waiting->has_value());
  replica_.Stop();
  ASSERT_TRUE(waiting->has_value());
  EXPECT_THAT(**waiting, StatusIs(kUnavailable));
  EXPECT_THAT(AskNow(Text(1)), StatusIs(kUnavailable));
  EXPECT_EQ(executor_.timers(), 0u);
  const int reads = tokens_.reads;
  executor_.AdvanceAndRun(absl::Minutes(1));
  EXPECT_EQ(tokens_.reads, reads);
}

// With threads, where a sanitizer looks on: every question is answered once,
// whatever is stopped meanwhile.
TEST(TokenReplicaThreadsTest, EveryQuestionIsAnswered) {
  for (int round = 0; round < 20; ++round) {
    const SystemClock clock;
    FakeTokens tokens;
    tokens.Add(1);
    MetricRegistry registry;
    TokenReplica::Metrics metrics(&registry);
    auto pool = ThreadPoolExecutor::Create({.threads = 1});
    auto callers = ThreadPoolExecutor::Create({.threads = 4});
    ASSERT_OK(pool);
    ASSERT_OK(callers);
    std::atomic<int> answers = 0;
    {
      TokenReplica replica(
          {.period = absl::Milliseconds(1), .min_gap = absl::Milliseconds(1)},
          {.tokens = &tokens,
           .clock = &clock,
           .executor = pool->get(),
           .metrics = &metrics});
      replica.Start();
      for (int i = 0; i < 200; ++i) {
        ASSERT_OK((*callers)->Schedule([&, i] {
          replica.Find(Text(i % 3), [&](const auto&) { ++answers; });
        }));
      }
      if (round % 2 == 0) (*callers)->Shutdown();
      if (round % 2 == 1) replica.Stop();
      (*callers)->Shutdown();
      replica.Stop();
      (*pool)->Shutdown();
    }
    EXPECT_EQ(answers, 200);
  }
}

}  // namespace
}  // namespace cairn::ingest
