#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace cairn {

// What a failed system call means for callers of File and FileSystem:
// NotFound for ENOENT and ENOTDIR, AlreadyExists for EEXIST,
// ResourceExhausted (reason STORAGE_FULL) for ENOSPC and EDQUOT, Internal
// for the rest. The text is "<path>: <call>: <what the system says>".
absl::Status ErrnoStatus(int error, std::string_view path,
                         std::string_view call);

}  // namespace cairn
