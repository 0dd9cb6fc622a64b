#include "services/index/domain/sweep_rules.h"

#include <algorithm>

namespace cairn::index {
namespace {

// What a clock that is kept right is set back by, now and then.
constexpr absl::Duration kSetBack = absl::Seconds(1);

}  // namespace

bool ClockJumped(absl::Time last, absl::Time now, absl::Duration max_step) {
  if (last == absl::UnixEpoch()) return false;
  return now < last - kSetBack || now > last + max_step;
}

absl::Time TimeOfChange(absl::Time last, absl::Time now) {
  return std::max(last, now);
}

bool IsTrashOver(const SnapshotRow& row, absl::Time now) {
  return row.state == SnapshotState::kTrash && row.trash_until <= now;
}

}  // namespace cairn::index
