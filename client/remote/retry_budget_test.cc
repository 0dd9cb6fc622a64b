#include "client/remote/retry_budget.h"

#include <algorithm>
#include <random>
#include <vector>

#include "client/posix/local_error.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;

const absl::Status kAway = absl::UnavailableError("away");

class RetryBudgetTest : public ::testing::Test {
 protected:
  RetryBudget Make(const RetryBudget::Options& options) {
    return RetryBudget(
        options, &clock_, random_,
        [this](absl::Duration wait) {
          waits_.push_back(wait);
          clock_.Advance(wait);
        },
        [this](const absl::Status&, absl::Duration) { ++told_; });
  }

  std::mt19937_64 random_{TestSeed()};
  FakeClock clock_;
  std::vector<absl::Duration> waits_;
  int told_ = 0;
};

TEST_F(RetryBudgetTest, WaitsBelowABoundThatDoubles) {
  RetryBudget budget = Make({.initial_backoff = absl::Seconds(1),
                             .max_backoff = absl::Seconds(8),
                             .total = absl::Hours(100)});
  for (int i = 0; i < 1000; ++i) ASSERT_OK(budget.WaitAfter(kAway));
  for (size_t i = 0; i < waits_.size(); ++i) {
    const absl::Duration bound =
        absl::Seconds(1) * (1 << std::min<size_t>(i, 3));
    EXPECT_LE(waits_[i], bound) << i;
  }
  // Full jitter: of a thousand some are short and some are long.
  EXPECT_LT(*std::min_element(waits_.begin(), waits_.end()), absl::Seconds(1));
  EXPECT_GT(*std::max_element(waits_.begin(), waits_.end()), absl::Seconds(7));
  EXPECT_EQ(budget.retries(), 1000);
  EXPECT_EQ(told_, 1000);
}

TEST_F(RetryBudgetTest, WaitsAsLongAsTheServerAsks) {
  RetryBudget budget = Make({.total = absl::Minutes(5)});
  ASSERT_OK(budget.WaitAfter(WithRetryDelay(
      absl::ResourceExhaustedError("too many streams"), absl::Seconds(20))));
  EXPECT_GE(waits_.at(0), absl::Seconds(20));
}

TEST_F(RetryBudgetTest, GivesUpAfterItsTime) {
  RetryBudget budget = Make({.total = absl::Minutes(5)});
  absl::Status status;
  while ((status = budget.WaitAfter(kAway)).ok()) {
    ASSERT_LT(waits_.size(), 10000u);
  }
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("gave up")));
  absl::Duration sum;
  for (const absl::Duration wait : waits_) sum += wait;
  EXPECT_EQ(sum, absl::Minutes(5));
}

TEST_F(RetryBudgetTest, StartsAnewAfterProgress) {
  RetryBudget budget = Make({.total = absl::Minutes(5)});
  for (int i = 0; i < 50; ++i) {
    ASSERT_OK(budget.WaitAfter(kAway));
    clock_.Advance(absl::Minutes(4));
    budget.Progress();
  }
  for (const absl::Duration wait : waits_) {
    EXPECT_LE(wait, absl::Milliseconds(200));
  }
}

TEST_F(RetryBudgetTest, NeverWaitsWithNoTime) {
  RetryBudget budget = Make({.total = absl::ZeroDuration()});
  EXPECT_THAT(budget.WaitAfter(kAway),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(waits_.empty());
}

TEST_F(RetryBudgetTest, HandsOnWhatARetryDoesNotHelp) {
  RetryBudget budget = Make({});
  for (const absl::Status& error :
       {absl::NotFoundError("x"), absl::DataLossError("x"),
        absl::CancelledError("x"), absl::FailedPreconditionError("x"),
        WithReason(absl::UnavailableError("x"), kLocalIo)}) {
    EXPECT_EQ(budget.WaitAfter(error), error);
  }
  EXPECT_TRUE(waits_.empty());
}

TEST_F(RetryBudgetTest, WaitsAtLeastAsLongAsTheServerAsks) {
  RetryBudget budget = Make({.initial_backoff = absl::Milliseconds(200),
                             .max_backoff = absl::Milliseconds(200),
                             .total = absl::Hours(1)});
  const absl::Status busy = WithRetryDelay(
      absl::ResourceExhaustedError("too many calls"), absl::Seconds(3));
  for (int i = 0; i < 100; ++i) ASSERT_OK(budget.WaitAfter(busy));
  for (const absl::Duration wait : waits_) {
    EXPECT_GE(wait, absl::Seconds(3));
    EXPECT_LE(wait, absl::Seconds(3) + absl::Milliseconds(200));
  }
}

TEST_F(RetryBudgetTest, NeverAsksEarlierThanTheServerWants) {
  RetryBudget budget = Make({.total = absl::Minutes(5)});
  EXPECT_THAT(budget.WaitAfter(WithRetryDelay(
                  absl::ResourceExhaustedError("full"), absl::Minutes(6))),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("6m")));
  EXPECT_TRUE(waits_.empty());
}

TEST(IsPassingTest, AServerAtItsLimitPassesIfItSaysSo) {
  const absl::Status busy = absl::ResourceExhaustedError("x");
  EXPECT_FALSE(IsPassing(busy));
  EXPECT_TRUE(IsPassing(WithRetryDelay(busy, absl::Seconds(1))));
  // Nothing that a wait would change.
  EXPECT_FALSE(IsPassing(WithRetryDelay(WithReason(busy, reason::kStorageFull),
                                        absl::Seconds(1))));
}

TEST(IsPassingTest, KnowsStatesThatPass) {
  EXPECT_TRUE(IsPassing(
      WithReason(absl::FailedPreconditionError("x"), reason::kArchiveOpen)));
  EXPECT_TRUE(IsPassing(
      WithReason(absl::OutOfRangeError("x"), reason::kOffsetMismatch)));
  EXPECT_FALSE(IsPassing(absl::OutOfRangeError("x")));
  EXPECT_FALSE(IsPassing(
      WithReason(absl::FailedPreconditionError("x"), reason::kLeaseHeld)));
  EXPECT_TRUE(IsPassing(absl::InternalError("Received RST_STREAM")));
}

}  // namespace
}  // namespace cairn::client
