#pragma once

#include "absl/time/time.h"
#include "services/index/domain/rows.h"

// What a sweep decides by the wall clock: only when something undoable ends.
namespace cairn::index {

// Whether the clock cannot be trusted to say that time has passed: since
// `last` (the epoch: never asked) it has gone back, or on by more than
// `max_step`.
bool ClockJumped(absl::Time last, absl::Time now, absl::Duration max_step);

// Whether a snapshot in trash may go now.
bool IsTrashOver(const SnapshotRow& row, absl::Time now);

}  // namespace cairn::index
