#include "common/rpc/retry.h"

#include <random>
#include <vector>

#include "common/concurrency/cancellation.h"
#include "common/status/retry_delay.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

class RetrierTest : public ::testing::Test {
 protected:
  RetrierTest() : random_(TestSeed()), executor_(&clock_) {}

  // Runs an operation that always ends with `error`; the waits before the
  // second attempt and on.
  std::vector<absl::Duration> Waits(const Retrier::Options& options,
                                    const absl::Status& error,
                                    const Call& call = {}) {
    Retrier retrier(options, &clock_, random_, &executor_);
    std::vector<absl::Duration> waits;
    absl::Duration last = clock_.Monotonic();
    int attempts = 0;
    result_ = retrier.Run(call, [&] {
      if (attempts++ > 0) waits.push_back(clock_.Monotonic() - last);
      last = clock_.Monotonic();
      return error;
    });
    return waits;
  }

  std::mt19937_64 random_;
  FakeClock clock_;
  TestExecutor executor_;
  absl::Status result_;
};

TEST_F(RetrierTest, WaitsAreDrawnBelowABoundThatDoubles) {
  const Retrier::Options options = {.initial_backoff = absl::Seconds(1),
                                    .max_backoff = absl::Seconds(5),
                                    .max_attempts = 6};
  absl::Duration longest_first;
  for (int round = 0; round < 200; ++round) {
    const std::vector<absl::Duration> waits =
        Waits(options, absl::UnavailableError("down"));
    ASSERT_EQ(waits.size(), 5u);
    const int bounds[] = {1, 2, 4, 5, 5};
    for (size_t i = 0; i < waits.size(); ++i) {
      EXPECT_LT(waits[i], absl::Seconds(bounds[i]));
    }
    longest_first = std::max(longest_first, waits[0]);
  }
  EXPECT_GT(longest_first, absl::Milliseconds(800));
  EXPECT_THAT(result_, StatusIs(absl::StatusCode::kUnavailable, "down"));
}

TEST_F(RetrierTest, WhatIsNotWorthRepeatingIsNotRepeated) {
  EXPECT_TRUE(Waits({}, absl::AbortedError("fenced")).empty());
  EXPECT_TRUE(Waits({}, absl::ResourceExhaustedError("full")).empty());
  EXPECT_TRUE(Waits({}, absl::DeadlineExceededError("late")).empty());
  EXPECT_TRUE(Waits({}, absl::OkStatus()).empty());
  EXPECT_OK(result_);
}

TEST_F(RetrierTest, TheServersDelayIsTheShortestWait) {
  const auto waits = Waits(
      {.max_attempts = 3},
      WithRetryDelay(absl::ResourceExhaustedError("busy"), absl::Seconds(7)));
  ASSERT_EQ(waits.size(), 2u);
  EXPECT_GE(waits[0], absl::Seconds(7));
  EXPECT_GE(waits[1], absl::Seconds(7));
}

TEST_F(RetrierTest, TheDeadlineEndsItWithTheLastError) {
  Call call;
  call.deadline = clock_.Now() + absl::Seconds(10);
  const auto waits = Waits(
      {.max_attempts = 100},
      WithRetryDelay(absl::UnavailableError("down"), absl::Seconds(4)), call);
  EXPECT_LE(waits.size(), 2u);
  EXPECT_LT(clock_.Now(), call.deadline);
  EXPECT_THAT(result_, StatusIs(absl::StatusCode::kUnavailable, "down"));
}

TEST_F(RetrierTest, CancellationEndsTheWait) {
  CancellationToken token;
  Call call;
  call.cancellation = &token;
  ASSERT_OK(executor_.Schedule([&token] { token.Cancel(); }));
  const auto waits = Waits(
      {.max_attempts = 100},
      WithRetryDelay(absl::UnavailableError("down"), absl::Seconds(4)), call);
  EXPECT_TRUE(waits.empty());
  EXPECT_THAT(result_, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(RetrierTest, ACancelledCallIsNotAttempted) {
  CancellationToken token;
  token.Cancel();
  Call call;
  call.cancellation = &token;
  Retrier retrier({}, &clock_, random_, &executor_);
  EXPECT_THAT(retrier.Run(call,
                          [] {
                            ADD_FAILURE() << "attempted";
                            return absl::OkStatus();
                          }),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn
