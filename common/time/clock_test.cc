#include "common/time/clock.h"

#include <ctime>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(SystemClockTest, NowIsTheWallClock) {
  const std::time_t before = std::time(nullptr);
  const absl::Time now = SystemClock().Now();
  const std::time_t after = std::time(nullptr);
  EXPECT_GE(now, absl::FromTimeT(before));
  EXPECT_LT(now, absl::FromTimeT(after + 1));
}

TEST(SystemClockTest, MonotonicNeverGoesBack) {
  const SystemClock clock;
  const absl::Duration first = clock.Monotonic();
  absl::Duration last = first;
  for (int i = 0; i < 1000000 && last == first; ++i) {
    const absl::Duration now = clock.Monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GT(last, first);
}

}  // namespace
}  // namespace cairn
