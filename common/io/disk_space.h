#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace cairn {

struct DiskSpace {
  uint64_t size_bytes = 0;
  uint64_t free_bytes = 0;  // for an unprivileged writer
};

// Of the file system that `path` is on. NotFound: no such path.
absl::StatusOr<DiskSpace> ReadDiskSpace(const std::string& path);

}  // namespace cairn
