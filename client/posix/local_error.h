#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace cairn::client {

// Reason of every error that this machine's files, devices and pipes gave,
// as opposed to the server's.
inline constexpr char kLocalIo[] = "LOCAL_IO";

// "`path`: `what`: text of `error_number`" with the reason LOCAL_IO. The code
// follows the number: NotFound, PermissionDenied, AlreadyExists,
// ResourceExhausted (no space), DataLoss (EIO), FailedPrecondition (busy),
// else Internal.
absl::Status LocalError(std::string_view path, std::string_view what,
                        int error_number);

// True if `status` carries the reason LOCAL_IO.
bool IsLocalError(const absl::Status& status);

}  // namespace cairn::client
