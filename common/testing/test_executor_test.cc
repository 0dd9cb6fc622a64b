#include "common/testing/test_executor.h"

#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;

TEST(TestExecutorTest, RunsTasksInOrder) {
  FakeClock clock;
  TestExecutor executor(&clock);
  std::vector<int> ran;
  ASSERT_OK(executor.Schedule([&] {
    ran.push_back(1);
    ASSERT_OK(executor.Schedule([&] { ran.push_back(3); }));
  }));
  ASSERT_OK(executor.Schedule([&] { ran.push_back(2); }));
  EXPECT_TRUE(ran.empty());
  executor.Run();
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
}

TEST(TestExecutorTest, RunsTimersAsTheClockAdvances) {
  FakeClock clock;
  TestExecutor executor(&clock);
  const absl::Duration start = clock.Monotonic();
  std::vector<absl::Duration> ran;
  for (const int seconds : {2, 1, 3, 5}) {
    executor.ScheduleAfter(absl::Seconds(seconds),
                           [&] { ran.push_back(clock.Monotonic() - start); });
  }
  const auto cancelled =
      executor.ScheduleAfter(absl::Seconds(1), [] { FAIL(); });
  EXPECT_TRUE(executor.Cancel(cancelled));
  EXPECT_FALSE(executor.Cancel(cancelled));
  executor.AdvanceAndRun(absl::Seconds(4));
  EXPECT_THAT(
      ran, ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(3)));
  EXPECT_EQ(clock.Monotonic() - start, absl::Seconds(4));
  EXPECT_EQ(executor.timers(), 1u);
}

TEST(TestExecutorTest, AwaitRunsTasksAndTimersUntilTheConditionHolds) {
  FakeClock clock;
  TestExecutor executor(&clock);
  absl::Mutex mutex;
  bool ready = false;
  ASSERT_OK(executor.Schedule([&] {
    executor.ScheduleAfter(absl::Seconds(7), [&] {
      absl::MutexLock lock(&mutex);
      ready = true;
    });
  }));
  const absl::Duration start = clock.Monotonic();
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(
      executor.Await(&mutex, absl::Condition(&ready), absl::Seconds(5)));
  EXPECT_EQ(clock.Monotonic() - start, absl::Seconds(5));
  EXPECT_TRUE(executor.Await(&mutex, absl::Condition(&ready),
                             absl::InfiniteDuration()));
  EXPECT_EQ(clock.Monotonic() - start, absl::Seconds(7));
}

TEST(TestExecutorDeathTest, AWaitThatNothingCanEndAborts) {
  FakeClock clock;
  TestExecutor executor(&clock);
  absl::Mutex mutex;
  const bool ready = false;
  absl::MutexLock lock(&mutex);
  EXPECT_DEATH(
      executor.Await(&mutex, absl::Condition(&ready), absl::InfiniteDuration()),
      "nothing can end");
}

}  // namespace
}  // namespace cairn
