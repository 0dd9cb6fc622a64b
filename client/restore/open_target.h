#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "client/restore/target.h"

namespace cairn::client {

// Chooses by what `path` is: stdout, a pipe or character device, a block
// device, or a regular file, new or replaced as a whole.
// AlreadyExists: it exists and may not be overwritten. FailedPrecondition: a
// directory, a device that is mounted, or one that is too small.
absl::StatusOr<std::unique_ptr<Target>> OpenTarget(
    const TargetOptions& options);

}  // namespace cairn::client
