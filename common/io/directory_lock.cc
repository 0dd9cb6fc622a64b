#include "common/io/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/io/errno_status.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr char kLockName[] = "LOCK";

// " by process 123", or nothing if the file does not say.
std::string HolderText(int fd) {
  char buffer[32];
  const ssize_t got = ::pread(fd, buffer, sizeof(buffer), 0);
  int process = 0;
  if (got <= 0 ||
      !absl::SimpleAtoi(absl::string_view(buffer, static_cast<size_t>(got)),
                        &process)) {
    return "";
  }
  return absl::StrCat(" by process ", process);
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.valid()) return fd;
  // ENOTDIR, and by the manual ELOOP, stand for a symbolic link too.
  if (errno == ENOTDIR || errno == ELOOP) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     ": is a symbolic link or no directory; name the "
                     "directory itself"));
  }
  return ErrnoStatus(errno, path, "open");
}

absl::Status RecordProcess(int fd, const std::string& path) {
  const std::string text = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd, 0) != 0) return ErrnoStatus(errno, path, "ftruncate");
  if (::pwrite(fd, text.data(), text.size(), 0) < 0) {
    // The number only helps people; on a full disk there may be none.
    if (errno != ENOSPC && errno != EDQUOT) {
      return ErrnoStatus(errno, path, "write");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(
    const std::string& directory) {
  ASSIGN_OR_RETURN(const UniqueFd directory_fd, OpenDirectory(directory));
  const std::string path = absl::StrCat(directory, "/", kLockName);
  UniqueFd fd(::openat(directory_fd.get(), kLockName,
                       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path, "open");
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, path, "flock");
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": is held", HolderText(fd.get()),
                     "; stop that process or name another directory"));
  }
  RETURN_IF_ERROR(RecordProcess(fd.get(), path));
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(std::move(fd)));
}

}  // namespace cairn
