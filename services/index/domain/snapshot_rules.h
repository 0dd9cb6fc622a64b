#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/names.h"

namespace cairn::index {

// How far the time of a snapshot may run ahead of the clock of index: one
// that index chooses, so that backups of one group that follow each other
// within a second succeed; one that is asked for, as clocks differ. A time
// far ahead would refuse the group's backups until the clock reaches it.
inline constexpr int64_t kMaxTimeBumpSeconds = 60;

// The time of a new snapshot of `group`: `asked` for, or else the clock,
// moved on to stay newer than `newest`, the newest ever published.
// FailedPrecondition (SNAPSHOT_NOT_NEWER), naming the newest: not newer, or
// the clock is further behind than the bump allows. InvalidArgument: `asked`
// is not within 1..kMaxSnapshotTime, or ahead of the clock by more than that.
absl::StatusOr<int64_t> ChooseSnapshotTime(const GroupName& group,
                                           std::optional<int64_t> newest,
                                           std::optional<int64_t> asked,
                                           absl::Time now);

// Snapshots are strictly increasing in their group. FailedPrecondition
// (SNAPSHOT_NOT_NEWER).
absl::Status CheckNewer(const SnapshotName& snapshot,
                        std::optional<int64_t> newest);

}  // namespace cairn::index
