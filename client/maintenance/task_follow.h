#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/remote/maintenance_remote.h"
#include "client/remote/retry_budget.h"

namespace cairn::client {

// Told of a task that is followed, on the thread that follows.
struct TaskListener {
  // As it is now: at first and after each change.
  std::function<void(const maintenance::v1::Task&)> task;
  // Each line once, in order.
  std::function<void(const maintenance::v1::TaskLogLine&)> line;
};

bool HasEnded(const maintenance::v1::Task& task);

// Follows the task `name` to its end, with the log lines after that sequence
// number (0: all), and returns it as it ended. A stream that breaks goes on
// behind the last line that was told, as long as `budget` allows.
// Cancelled: the user interrupted. Else the server's errors.
absl::StatusOr<maintenance::v1::Task> FollowTask(const std::string& name,
                                                 uint64_t after_log_sequence,
                                                 MaintenanceRemote& remote,
                                                 RetryBudget& budget,
                                                 const TaskListener& listener);

}  // namespace cairn::client
