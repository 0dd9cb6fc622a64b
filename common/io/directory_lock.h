#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/io/unique_fd.h"

namespace cairn {

// One process's claim on a directory, by flock(2) on its file LOCK. The
// kernel drops it with the process, however that ends.
class DirectoryLock {
 public:
  // The file LOCK stays, with the process id of the last holder in it.
  // FailedPrecondition: another process, or this one, holds it (the text
  // names the path and the process id found in the file); or `directory` is
  // a symbolic link or no directory. NotFound: no such directory.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Acquire(
      const std::string& directory);

 private:
  explicit DirectoryLock(UniqueFd fd) : fd_(std::move(fd)) {}

  const UniqueFd fd_;
};

}  // namespace cairn
