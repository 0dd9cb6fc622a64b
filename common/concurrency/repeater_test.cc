#include "common/concurrency/repeater.h"

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"

namespace cairn {
namespace {

TEST(RepeaterTest, RunsAgainAfterItsPeriodUntilItIsStopped) {
  FakeClock clock;
  TestExecutor executor(&clock);
  int runs = 0;
  Repeater repeater(&executor, [&](const CancellationToken& stop) {
    EXPECT_FALSE(stop.cancelled());
    ++runs;
    return absl::Seconds(30);
  });
  executor.Run();
  EXPECT_EQ(runs, 0);
  repeater.Start();
  executor.Run();
  EXPECT_EQ(runs, 1);
  executor.AdvanceAndRun(absl::Seconds(29));
  EXPECT_EQ(runs, 1);
  executor.AdvanceAndRun(absl::Seconds(1));
  EXPECT_EQ(runs, 2);
  repeater.Stop();
  executor.AdvanceAndRun(absl::Seconds(300));
  EXPECT_EQ(runs, 2);
}

TEST(RepeaterTest, WhatTakesLongIsDoneMoreSeldom) {
  FakeClock clock;
  TestExecutor executor(&clock);
  int runs = 0;
  Repeater repeater(&executor, SparingRound(absl::Seconds(30), &clock, [&] {
    ++runs;
    clock.Advance(absl::Seconds(10));
  }));
  repeater.Start();
  executor.Run();
  EXPECT_EQ(runs, 1);
  executor.AdvanceAndRun(absl::Seconds(180));
  EXPECT_EQ(runs, 1);
  executor.AdvanceAndRun(absl::Seconds(10));
  EXPECT_EQ(runs, 2);
}

TEST(RepeaterTest, StopCancelsTheRoundThatRunsAndAwaitsItsEnd) {
  ASSERT_OK_AND_ASSIGN(const auto executor,
                       ThreadPoolExecutor::Create({.threads = 1}));
  absl::Notification begun;
  bool ended = false;
  int rounds = 0;
  Repeater repeater(executor.get(), [&](const CancellationToken& stop) {
    ++rounds;
    absl::Notification cancelled;
    const auto id = stop.AddCallback([&] { cancelled.Notify(); });
    begun.Notify();
    cancelled.WaitForNotification();
    stop.RemoveCallback(id);
    ended = true;
    return absl::ZeroDuration();
  });
  repeater.Start();
  begun.WaitForNotification();
  repeater.Stop();
  EXPECT_TRUE(ended);
  EXPECT_EQ(rounds, 1);
}

}  // namespace
}  // namespace cairn
