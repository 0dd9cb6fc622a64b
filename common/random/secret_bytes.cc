#include "common/random/secret_bytes.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

// What getrandom gives whole, without being interrupted.
constexpr size_t kMaxBytes = 256;

}  // namespace

absl::StatusOr<std::string> SecretBytes(size_t count) {
  if (count == 0 || count > kMaxBytes) {
    return absl::InternalError(absl::StrCat(
        count, " random bytes were asked for, allowed are 1..", kMaxBytes));
  }
  std::string bytes(count, '\0');
  ssize_t got = -1;
  do {
    got = getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(count)) {
    return absl::InternalError(
        absl::StrCat("getrandom gave ", got, " of ", count,
                     " bytes: ", got < 0 ? strerror(errno) : "too few"));
  }
  return bytes;
}

}  // namespace cairn
