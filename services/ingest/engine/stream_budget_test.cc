#include "services/ingest/engine/stream_budget.h"

#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/model/call.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

class StreamBudgetTest : public testing::Test {
 protected:
  StreamBudgetTest()
      : executor_(*ThreadPoolExecutor::Create({.threads = 2})),
        budget_({.process_bytes = 100, .stream_bytes = 60}, executor_.get()) {}

  std::shared_ptr<StreamBudget::Account> Open(uint64_t guaranteed) {
    return *budget_.Open(Call(), guaranteed, absl::ZeroDuration());
  }

  const std::unique_ptr<ThreadPoolExecutor> executor_;
  StreamBudget budget_;
};

TEST_F(StreamBudgetTest, AStreamTakesMoreThanItsGuaranteeUpToItsLimit) {
  const auto account = Open(20);
  EXPECT_EQ(budget_.reserved_bytes(), 20u);
  EXPECT_TRUE(account->TryAcquire(20));
  EXPECT_EQ(budget_.reserved_bytes(), 20u);
  EXPECT_TRUE(account->TryAcquire(40));
  EXPECT_EQ(budget_.reserved_bytes(), 60u);
  EXPECT_FALSE(account->TryAcquire(1));
  account->Release(50);
  EXPECT_EQ(budget_.reserved_bytes(), 20u);
  EXPECT_TRUE(account->TryAcquire(1));
  account->Release(11);
}

TEST_F(StreamBudgetTest, WhatOthersAreGuaranteedIsNotTaken) {
  const auto first = Open(20);
  const auto second = Open(30);
  EXPECT_TRUE(first->TryAcquire(60));
  EXPECT_TRUE(second->TryAcquire(30));
  EXPECT_TRUE(second->TryAcquire(10));
  EXPECT_FALSE(second->TryAcquire(1));  // 100 are reserved
  first->Release(60);
  EXPECT_TRUE(second->TryAcquire(1));
  second->Release(41);
}

TEST_F(StreamBudgetTest, AStreamThatCannotBeGuaranteedIsRefused) {
  auto first = Open(60);
  const auto refused = budget_.Open(Call(), 60, absl::ZeroDuration());
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(refused, HasReasonCode(reason::kLimitExceeded));
  // So that a client knows that it may come again.
  EXPECT_TRUE(RetryDelayOf(refused.status()).has_value());
  first.reset();
  EXPECT_OK(budget_.Open(Call(), 60, absl::ZeroDuration()));
}

TEST_F(StreamBudgetTest, AStreamWaitsForItsOwnBytes) {
  const auto account = Open(60);
  ASSERT_TRUE(account->TryAcquire(60));
  absl::Notification acquired;
  ASSERT_OK(executor_->Schedule([&] {
    EXPECT_OK(account->Acquire(10));
    acquired.Notify();
  }));
  account->Release(60);
  acquired.WaitForNotification();
  account->Release(10);
}

TEST_F(StreamBudgetTest, CloseEndsAWait) {
  const auto account = Open(60);
  ASSERT_TRUE(account->TryAcquire(60));
  absl::Notification ended;
  ASSERT_OK(executor_->Schedule([&] {
    EXPECT_THAT(account->Acquire(10), StatusIs(StatusCode::kCancelled));
    ended.Notify();
  }));
  account->Close();
  ended.WaitForNotification();
  account->Release(60);
}

TEST_F(StreamBudgetTest, CancellationEndsTheWaitForAGuarantee) {
  const auto first = Open(60);
  CancellationToken token;
  absl::Notification ended;
  ASSERT_OK(executor_->Schedule([&] {
    EXPECT_THAT(
        budget_.Open({.cancellation = &token}, 60, absl::InfiniteDuration()),
        StatusIs(StatusCode::kCancelled));
    ended.Notify();
  }));
  token.Cancel();
  ended.WaitForNotification();
}

}  // namespace
}  // namespace cairn::ingest
