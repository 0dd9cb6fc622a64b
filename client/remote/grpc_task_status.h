#pragma once

#include "absl/status/status.h"
#include "cairn/maintenance/v1/task_service.pb.h"

namespace cairn::client {

// How a task ended, with its reason; OK if it succeeded, or has not ended.
absl::Status StatusOfTask(const maintenance::v1::Task& task);

}  // namespace cairn::client
