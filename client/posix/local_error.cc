#include "client/posix/local_error.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::client {
namespace {

absl::StatusCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::StatusCode::kResourceExhausted;
    case EIO:
      return absl::StatusCode::kDataLoss;
    case EBUSY:
    case EISDIR:
    case ENOTEMPTY:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status LocalError(std::string_view path, std::string_view what,
                        int error_number) {
  char buffer[128];
  const char* text = strerror_r(error_number, buffer, sizeof(buffer));
  return WithReason(
      absl::Status(CodeOf(error_number),
                   absl::StrCat(path, ": ", what, ": ", std::string(text))),
      kLocalIo);
}

bool IsLocalError(const absl::Status& status) {
  return HasReason(status, kLocalIo);
}

}  // namespace cairn::client
