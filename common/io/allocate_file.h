#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace cairn {

// Makes the file at `path` exactly `size_bytes` long, with space on the disk
// for all of it, whose content is unspecified; creates it (mode 0600) if it
// is not there. After an error the file is gone.
// ResourceExhausted (STORAGE_FULL): the disk has not that much space.
absl::Status AllocateFile(const std::string& path, uint64_t size_bytes);

}  // namespace cairn
