#include "services/index/domain/sweep_rules.h"

#include "gtest/gtest.h"

namespace cairn::index {
namespace {

const absl::Time kLast = absl::FromUnixSeconds(1795293585);
constexpr absl::Duration kStep = absl::Hours(24 * 7);

TEST(ClockJumpedTest, NotWhileItRuns) {
  for (const absl::Duration step :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Hours(24), kStep,
        -absl::Seconds(1)}) {
    EXPECT_FALSE(ClockJumped(kLast, kLast + step, kStep)) << step;
  }
}

TEST(ClockJumpedTest, BackOrTooFarAhead) {
  for (const absl::Duration step :
       {-absl::Milliseconds(1001), -absl::Hours(24), kStep + absl::Seconds(1),
        absl::Hours(24 * 365)}) {
    EXPECT_TRUE(ClockJumped(kLast, kLast + step, kStep)) << step;
  }
}

TEST(ClockJumpedTest, NotTheFirstTime) {
  EXPECT_FALSE(ClockJumped(absl::Time(), kLast, kStep));
}

TEST(TimeOfChangeTest, DoesNotGoBack) {
  EXPECT_EQ(TimeOfChange(absl::Time(), kLast), kLast);
  EXPECT_EQ(TimeOfChange(kLast, kLast + kStep), kLast + kStep);
  EXPECT_EQ(TimeOfChange(kLast, kLast - absl::Hours(24)), kLast);
}

TEST(IsTrashOverTest, FromTheTimeOnAndInTrashAlone) {
  SnapshotRow row;
  row.state = SnapshotState::kTrash;
  row.trash_until = kLast;
  EXPECT_FALSE(IsTrashOver(row, kLast - absl::Nanoseconds(1)));
  EXPECT_TRUE(IsTrashOver(row, kLast));
  row.state = SnapshotState::kListed;
  EXPECT_FALSE(IsTrashOver(row, kLast));
  row.state = SnapshotState::kGone;
  EXPECT_FALSE(IsTrashOver(row, kLast));
}

}  // namespace
}  // namespace cairn::index
