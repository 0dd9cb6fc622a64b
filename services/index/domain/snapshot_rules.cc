#include "services/index/domain/snapshot_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

absl::Status NotNewer(const GroupName& group, int64_t newest,
                      std::string_view why) {
  const std::string name =
      SnapshotName{.group = group, .time = newest}.ToString();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          why, ", and the newest snapshot of the group is ", name)),
      reason::kSnapshotNotNewer, {{"newest", name}});
}

}  // namespace

absl::Status CheckNewer(const SnapshotName& snapshot,
                        std::optional<int64_t> newest) {
  if (!newest.has_value() || snapshot.time > *newest) return absl::OkStatus();
  return NotNewer(
      snapshot.group, *newest,
      absl::StrCat("snapshot time is ", FormatSnapshotTime(snapshot.time)));
}

absl::StatusOr<int64_t> ChooseSnapshotTime(const GroupName& group,
                                           std::optional<int64_t> newest,
                                           std::optional<int64_t> asked,
                                           absl::Time now) {
  if (asked.has_value()) {
    if (*asked < 1 || *asked > kMaxSnapshotTime) {
      return absl::InvalidArgumentError(absl::StrCat(
          "backup time is ", *asked, " s, allowed are 1..", kMaxSnapshotTime));
    }
    if (*asked - absl::ToUnixSeconds(now) > kMaxTimeBumpSeconds) {
      return absl::InvalidArgumentError(absl::StrCat(
          "backup time is ", FormatSnapshotTime(*asked),
          ", the clock of index says ",
          absl::FormatTime(now, absl::UTCTimeZone()), ", allowed are ",
          kMaxTimeBumpSeconds, " s ahead of it; check the clocks"));
    }
    RETURN_IF_ERROR(CheckNewer({.group = group, .time = *asked}, newest));
    return *asked;
  }
  const int64_t clock = absl::ToUnixSeconds(now);
  const int64_t time = std::max(clock, newest.value_or(0) + 1);
  if (newest.has_value() && time - clock > kMaxTimeBumpSeconds) {
    return NotNewer(group, *newest,
                    absl::StrCat("the clock of index says ",
                                 absl::FormatTime(now, absl::UTCTimeZone())));
  }
  if (time > kMaxSnapshotTime || clock < 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the clock of index says ", absl::FormatTime(now, absl::UTCTimeZone()),
        ", which is no time for a snapshot; set the clock"));
  }
  return time;
}

}  // namespace cairn::index
