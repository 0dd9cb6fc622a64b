#include "client/backup/session_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "common/io/checked_text.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr char kFormat[] = "cairn-session-2";

absl::Status WriteAndSync(int fd, const std::string& path,
                          const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = write(fd, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return LocalError(path, "write", errno);
    written += static_cast<size_t>(n);
  }
  if (fsync(fd) != 0) return LocalError(path, "sync", errno);
  return absl::OkStatus();
}

// Without it the name may be gone after a power cut.
absl::Status SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const FileDescriptor fd(
      open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) {
    return LocalError(directory, "sync", errno);
  }
  return absl::OkStatus();
}

// True if `path` still names what `fd` is.
bool IsStillThere(int fd, const std::string& path) {
  struct stat opened;
  struct stat named;
  return fstat(fd, &opened) == 0 && lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

std::string SessionNote::Format() const {
  return EncodeCheckedText({{"format", kFormat},
                            {"server", server},
                            {"session", session},
                            {"request", request},
                            {"sources", sources}});
}

absl::StatusOr<SessionNote> SessionNote::Parse(std::string_view text) {
  absl::StatusOr<TextFields> fields = DecodeCheckedText(text);
  if (!fields.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a state file of `cairn backup`, or it ",
                     fields.status().message(), "; back up without --resume"));
  }
  // One that is not there is empty, and does not format to this text.
  const SessionNote note = {.server = (*fields)["server"],
                            .session = (*fields)["session"],
                            .request = (*fields)["request"],
                            .sources = (*fields)["sources"]};
  if (note.Format() != text) {
    return absl::InvalidArgumentError(
        "a state file of another release; back up without --resume");
  }
  return note;
}

absl::StatusOr<std::unique_ptr<SessionFile>> SessionFile::Create(
    const std::string& path, const SessionNote& note) {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".new");
  FileDescriptor fd(open(temporary.c_str(),
                         O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                         0600));
  if (!fd.valid()) return LocalError(temporary, "create", errno);
  absl::Status status = WriteAndSync(fd.get(), temporary, note.Format());
  // Locked before it has its name: nobody sees it without its lock.
  if (status.ok() && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    status = LocalError(temporary, "lock", errno);
  }
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = LocalError(path, "rename", errno);
  }
  if (status.ok()) status = SyncDirectoryOf(path);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return std::unique_ptr<SessionFile>(
      new SessionFile(path, std::move(fd), note));
}

absl::StatusOr<std::unique_ptr<SessionFile>> SessionFile::Open(
    const std::string& path) {
  FileDescriptor fd(
      open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return LocalError(path, "open", errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return LocalError(path, "lock", errno);
    return absl::AbortedError(
        absl::StrCat(path, ": the same backup is running on this machine"));
  }
  if (!IsStillThere(fd.get(), path)) return LocalError(path, "open", ENOENT);
  char text[kMaxBytes];
  const ssize_t n = read(fd.get(), text, sizeof(text));
  if (n < 0) return LocalError(path, "read", errno);
  absl::StatusOr<SessionNote> note =
      SessionNote::Parse(std::string_view(text, static_cast<size_t>(n)));
  if (!note.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", note.status().message()));
  }
  return std::unique_ptr<SessionFile>(
      new SessionFile(path, std::move(fd), *std::move(note)));
}

void SessionFile::Remove() {
  if (IsStillThere(fd_.get(), path_)) unlink(path_.c_str());
}

}  // namespace cairn::client
