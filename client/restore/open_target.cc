#include "client/restore/open_target.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "client/restore/device_target.h"
#include "client/restore/file_target.h"
#include "client/restore/pipe_target.h"
#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<std::unique_ptr<Target>> OpenTarget(
    const TargetOptions& options) {
  if (options.path == "-") {
    return std::make_unique<PipeTarget>(options.stdout_fd, "stdout",
                                        options.interrupt);
  }
  struct stat status;
  if (stat(options.path.c_str(), &status) != 0) {
    if (errno != ENOENT) return LocalError(options.path, "stat", errno);
    return FileTarget::Create(options);
  }
  if (S_ISDIR(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        options.path,
        " is a directory; only .tar archives are restored into one, give "
        "the path of a file"));
  }
  if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
    return PipeTarget::Open(options.path, options.interrupt);
  }
  if (!options.overwrite) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.path, " exists; --overwrite replaces it"));
  }
  if (S_ISBLK(status.st_mode)) return DeviceTarget::Open(options);
  return FileTarget::Create(options);
}

}  // namespace cairn::client
