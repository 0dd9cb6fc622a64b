#include "common/concurrency/repeater.h"

#include <gtest/gtest.h>

#include "common/testing/fake_clock.h"
#include "common/testing/test_executor.h"

namespace cairn {
namespace {

TEST(RepeaterTest, RunsAgainAfterItsPeriodUntilItIsStopped) {
  FakeClock clock;
  TestExecutor executor(&clock);
  int runs = 0;
  Repeater repeater(absl::Seconds(30), &executor, &clock, [&] { ++runs; });
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
  Repeater repeater(absl::Seconds(30), &executor, &clock, [&] {
    ++runs;
    clock.Advance(absl::Seconds(10));
  });
  repeater.Start();
  executor.Run();
  EXPECT_EQ(runs, 1);
  executor.AdvanceAndRun(absl::Seconds(180));
  EXPECT_EQ(runs, 1);
  executor.AdvanceAndRun(absl::Seconds(10));
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace cairn
