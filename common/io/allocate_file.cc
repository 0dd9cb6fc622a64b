#include "common/io/allocate_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/io/errno_status.h"
#include "common/io/unique_fd.h"

namespace cairn {

absl::Status AllocateFile(const std::string& path, uint64_t size_bytes) {
  const UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path, "open");
  const auto size = static_cast<off_t>(size_bytes);
  int error = 0;
  if (::ftruncate(fd.get(), size) != 0) {
    error = errno;
  } else if (size > 0) {
    do {
      error = ::posix_fallocate(fd.get(), 0, size);
    } while (error == EINTR);
  }
  if (error == 0) return absl::OkStatus();
  ::unlink(path.c_str());
  return ErrnoStatus(error, path, "allocate");
}

}  // namespace cairn
