#include "services/index/domain/snapshot_rules.h"

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1795293585;

GroupName Group() {
  return {.parent = {.datastore = "default", .path = {}},
          .type = BackupType::kHost,
          .id = "web1"};
}

struct Case {
  std::optional<int64_t> newest;
  std::optional<int64_t> asked;
  std::optional<int64_t> expected;  // none: SNAPSHOT_NOT_NEWER
};

TEST(ChooseSnapshotTimeTest, FollowsTheTable) {
  const Case cases[] = {
      // The clock decides.
      {std::nullopt, std::nullopt, kNow},
      {kNow - 1, std::nullopt, kNow},
      // It stands still, or went back a little: one after the newest.
      {kNow, std::nullopt, kNow + 1},
      {kNow + 59, std::nullopt, kNow + 60},
      // It went back too far.
      {kNow + 60, std::nullopt, std::nullopt},
      {kNow + 100000, std::nullopt, std::nullopt},
      // The client decides, and is held to the order only.
      {std::nullopt, 1, 1},
      {kNow, kNow + 1, kNow + 1},
      {kNow, kNow + 60, kNow + 60},
      {kNow, kNow, std::nullopt},
      {kNow, kNow - 1, std::nullopt},
  };
  for (const Case& one : cases) {
    const auto time = ChooseSnapshotTime(
        Group(), one.newest, one.asked,
        absl::FromUnixSeconds(kNow) + absl::Milliseconds(999));
    if (one.expected.has_value()) {
      EXPECT_THAT(time, IsOkAndHolds(*one.expected));
    } else {
      EXPECT_THAT(time, StatusIs(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(time, HasReasonCode(reason::kSnapshotNotNewer));
    }
  }
}

TEST(ChooseSnapshotTimeTest, RefusesATimeThatIsFarAhead) {
  const absl::Time now = absl::FromUnixSeconds(kNow);
  EXPECT_OK(ChooseSnapshotTime(Group(), std::nullopt, kNow + 60, now));
  for (const int64_t asked : {kNow + 61, kMaxSnapshotTime}) {
    const auto time = ChooseSnapshotTime(Group(), std::nullopt, asked, now);
    EXPECT_THAT(time, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(time.status().message(), HasSubstr("60 s ahead"));
  }
}

TEST(ChooseSnapshotTimeTest, NamesTheNewestSnapshot) {
  const auto time =
      ChooseSnapshotTime(Group(), kNow, kNow, absl::FromUnixSeconds(kNow));
  EXPECT_THAT(time.status().message(),
              HasSubstr("host/web1/snapshots/2026-11-21T20:39:45Z"));
  EXPECT_EQ(ReasonOf(time.status())->metadata.at("newest"),
            "datastores/default/groups/host/web1/snapshots/"
            "2026-11-21T20:39:45Z");
}

TEST(ChooseSnapshotTimeTest, RefusesTimesThatAreNone) {
  for (const int64_t asked : {int64_t{0}, int64_t{-1}, kMaxSnapshotTime + 1}) {
    EXPECT_THAT(
        ChooseSnapshotTime(Group(), std::nullopt, asked, absl::UnixEpoch()),
        StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(ChooseSnapshotTime(Group(), std::nullopt, std::nullopt,
                                 absl::UnixEpoch()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace cairn::index
