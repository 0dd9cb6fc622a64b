#include "common/concurrency/byte_budget.h"

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "absl/random/distributions.h"
#include "absl/synchronization/notification.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(ByteBudgetTest, HoldsAndGivesBack) {
  FakeClock clock;
  TestExecutor executor(&clock);
  ByteBudget budget(100, &executor);
  {
    ASSERT_OK_AND_ASSIGN(ByteBudget::Grant first,
                         budget.Acquire(60, absl::ZeroDuration(), nullptr));
    ASSERT_OK_AND_ASSIGN(ByteBudget::Grant second,
                         budget.Acquire(40, absl::ZeroDuration(), nullptr));
    EXPECT_EQ(budget.used_bytes(), 100u);
    EXPECT_THAT(budget.Acquire(1, absl::Seconds(3), nullptr).status(),
                StatusIs(absl::StatusCode::kDeadlineExceeded,
                         HasSubstr("no room for 1 bytes within 3s")));
    second = std::move(first);
    EXPECT_EQ(budget.used_bytes(), 60u);
    second.ShrinkTo(70);
    EXPECT_EQ(budget.used_bytes(), 60u);
    second.ShrinkTo(10);
    EXPECT_EQ(budget.used_bytes(), 10u);
    EXPECT_EQ(second.bytes(), 10u);
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_EQ(budget.waiting(), 0u);
}

TEST(ByteBudgetTest, ARequestAboveTheWholeIsAdmittedAlone) {
  FakeClock clock;
  TestExecutor executor(&clock);
  ByteBudget budget(100, &executor);
  std::optional<ByteBudget::Grant> small =
      budget.Acquire(1, absl::ZeroDuration(), nullptr).value();
  EXPECT_THAT(budget.Acquire(1000, absl::Seconds(1), nullptr).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  small.reset();
  ASSERT_OK_AND_ASSIGN(ByteBudget::Grant huge,
                       budget.Acquire(1000, absl::ZeroDuration(), nullptr));
  EXPECT_THAT(budget.Acquire(0, absl::Seconds(1), nullptr).status(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  huge.Release();
  EXPECT_THAT(budget.Acquire(100, absl::ZeroDuration(), nullptr), IsOk());
}

TEST(ByteBudgetTest, IsCancelledBeforeTheWait) {
  FakeClock clock;
  TestExecutor executor(&clock);
  ByteBudget budget(100, &executor);
  ASSERT_OK_AND_ASSIGN(const ByteBudget::Grant all,
                       budget.Acquire(100, absl::ZeroDuration(), nullptr));
  CancellationToken token;
  token.Cancel();
  EXPECT_THAT(budget.Acquire(1, absl::InfiniteDuration(), &token).status(),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(budget.waiting(), 0u);
}

TEST(ByteBudgetTest, IsCancelledDuringTheWait) {
  FakeClock clock;
  TestExecutor executor(&clock);
  ByteBudget budget(100, &executor);
  ASSERT_OK_AND_ASSIGN(const ByteBudget::Grant all,
                       budget.Acquire(100, absl::ZeroDuration(), nullptr));
  CancellationToken token;
  executor.ScheduleAfter(absl::Seconds(5), [&token] { token.Cancel(); });
  EXPECT_THAT(budget.Acquire(1, absl::InfiniteDuration(), &token).status(),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(budget.used_bytes(), 100u);
}

// Three threads wait in a known order for a budget that is in use.
TEST(ByteBudgetTest, IsFirstComeFirstServed) {
  const auto executor = ThreadPoolExecutor::Create({.threads = 3}).value();
  ByteBudget budget(100, executor.get());
  std::optional<ByteBudget::Grant> all =
      budget.Acquire(100, absl::ZeroDuration(), nullptr).value();
  absl::Mutex mutex;
  std::vector<int> order;
  size_t waiting = 0;
  // The large one comes first: the small ones would fit before it.
  for (const int bytes : {90, 20, 10}) {
    ASSERT_OK(executor->Schedule([&, bytes] {
      const auto grant =
          budget.Acquire(bytes, absl::InfiniteDuration(), nullptr);
      absl::MutexLock lock(&mutex);
      order.push_back(bytes);
    }));
    ++waiting;
    while (budget.waiting() < waiting) std::this_thread::yield();
  }
  all->ShrinkTo(50);
  EXPECT_EQ(budget.waiting(), 3u);
  all.reset();
  executor->Shutdown();
  EXPECT_EQ(order.size(), 3u);
  EXPECT_EQ(order.front(), 90);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(ByteBudgetTest, AWaiterThatGivesUpLetsThoseBehindItIn) {
  const auto executor = ThreadPoolExecutor::Create({.threads = 2}).value();
  ByteBudget budget(100, executor.get());
  ASSERT_OK_AND_ASSIGN(ByteBudget::Grant half,
                       budget.Acquire(50, absl::ZeroDuration(), nullptr));
  CancellationToken token;
  ASSERT_OK(executor->Schedule([&] {
    EXPECT_THAT(budget.Acquire(90, absl::InfiniteDuration(), &token).status(),
                StatusIs(absl::StatusCode::kCancelled));
  }));
  while (budget.waiting() < 1) std::this_thread::yield();
  absl::Notification granted;
  ASSERT_OK(executor->Schedule([&] {
    EXPECT_THAT(budget.Acquire(50, absl::InfiniteDuration(), nullptr), IsOk());
    granted.Notify();
  }));
  while (budget.waiting() < 2) std::this_thread::yield();
  EXPECT_FALSE(granted.HasBeenNotified());
  token.Cancel();
  granted.WaitForNotification();
  executor->Shutdown();
}

TEST(ByteBudgetTest, ManyThreadsNeverPassTheLimit) {
  const uint64_t seed = TestSeed();
  const auto executor = ThreadPoolExecutor::Create({.threads = 4}).value();
  ByteBudget budget(1000, executor.get());
  std::atomic<uint64_t> held = 0;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    ASSERT_OK(executor->Schedule([&, t] {
      std::mt19937_64 random(seed + t);
      for (int i = 0; i < 2000; ++i) {
        const uint64_t bytes = absl::Uniform<uint64_t>(random, 1, 700);
        const auto grant =
            budget.Acquire(bytes, absl::InfiniteDuration(), nullptr);
        if (held.fetch_add(bytes) + bytes > 1000) ++wrong;
        held -= bytes;
      }
    }));
  }
  executor->Shutdown();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

}  // namespace
}  // namespace cairn
