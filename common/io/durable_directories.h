#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/io/file_system.h"

namespace cairn {

// "a/b" of "a/b/c", "/" of "/a", "." of "a".
std::string ParentDirectory(const std::string& path);

// Creates `path` and what is missing above it, and syncs the parent of each
// that was missing, so that `path` survives a power cut. `path` ends in no
// slash.
absl::Status CreateDirectoriesDurably(FileSystem& files,
                                      const std::string& path);

}  // namespace cairn
