#pragma once

#include "absl/time/time.h"
#include "services/index/domain/rows.h"

// What is decided by the wall clock: only when something undoable ends.
namespace cairn::index {

// Whether the clock cannot be trusted to say that time has passed: since
// `last` (the epoch: never asked) it has gone back, or on by more than
// `max_step`.
bool ClockJumped(absl::Time last, absl::Time now, absl::Duration max_step);

// The time of a change: not before `last`, or the time in trash of what is
// forgotten by a clock that went back would be over early once it is right.
absl::Time TimeOfChange(absl::Time last, absl::Time now);

// Whether a snapshot in trash may go now.
bool IsTrashOver(const SnapshotRow& row, absl::Time now);

}  // namespace cairn::index
