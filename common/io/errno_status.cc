#include "common/io/errno_status.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn {

absl::Status ErrnoStatus(int error, std::string_view path,
                         std::string_view call) {
  const std::string text = absl::StrCat(path, ": ", call, ": ",
                                        std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case ENOSPC:
    case EDQUOT:
      return WithReason(absl::ResourceExhaustedError(text),
                        reason::kStorageFull);
    default:
      return absl::InternalError(text);
  }
}

}  // namespace cairn
