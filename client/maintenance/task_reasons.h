#pragma once

namespace cairn::client {

// Reasons of errors about a task that this program waited for.

// It failed, for no reason that has a meaning of its own.
inline constexpr char kTaskFailed[] = "TASK_FAILED";
inline constexpr char kTaskCancelled[] = "TASK_CANCELLED";
// Maintenance was restarted meanwhile.
inline constexpr char kTaskInterrupted[] = "TASK_INTERRUPTED";
// The user stopped waiting; the task has not ended.
inline constexpr char kTaskGoesOn[] = "TASK_GOES_ON";
// The server that was asked does not serve maintenance.
inline constexpr char kNoMaintenance[] = "NO_MAINTENANCE";

}  // namespace cairn::client
