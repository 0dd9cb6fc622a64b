#include "client/posix/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/posix/local_error.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr mode_t kOthers = S_IRWXO;
constexpr mode_t kGroup = S_IRWXG;

absl::Status CheckMode(const LocalFile& file) {
  struct stat st;
  if (fstat(file.fd(), &st) != 0) {
    return LocalError(file.path(), "stat", errno);
  }
  const bool is_mounted = st.st_uid == 0 && geteuid() != 0;
  const mode_t refused = kOthers | (is_mounted ? kGroup & ~S_IRGRP : kGroup);
  if ((st.st_mode & refused) == 0) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(absl::StrFormat(
          "%s: mode is %04o, a file with a secret must have 0600 or less: "
          "chmod 600 it, and if others may have read it, make another secret",
          file.path(), st.st_mode & 07777)),
      kLocalIo);
}

// So that the name of a new file lasts, too.
absl::Status SyncFolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const FileDescriptor fd(
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // One that may not be read can be written to, and not synced.
  if (!fd.valid()) return absl::OkStatus();
  if (fsync(fd.get()) != 0) return LocalError(folder, "sync", errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& path,
                                           size_t max_bytes) {
  ASSIGN_OR_RETURN(const LocalFile file, LocalFile::Open(path));
  RETURN_IF_ERROR(CheckMode(file));
  ASSIGN_OR_RETURN(std::string text, file.Read(0, max_bytes + 2));
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty() || text.size() > max_bytes ||
      text.find('\n') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " must have one line of 1..", max_bytes, " bytes"));
  }
  return text;
}

absl::StatusOr<NewSecretFile> NewSecretFile::Create(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                      S_IRUSR | S_IWUSR);
  if (fd < 0) return LocalError(path, "create", errno);
  return NewSecretFile(FileDescriptor(fd), path);
}

NewSecretFile::NewSecretFile(NewSecretFile&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::move(other.path_)) {}

NewSecretFile::~NewSecretFile() {
  if (fd_.valid()) unlink(path_.c_str());
}

absl::Status NewSecretFile::Write(std::string_view secret) {
  const std::string line = absl::StrCat(secret, "\n");
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t count =
        write(fd_.get(), line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return LocalError(path_, "write", errno);
    written += static_cast<size_t>(count);
  }
  if (fsync(fd_.get()) != 0) return LocalError(path_, "sync", errno);
  RETURN_IF_ERROR(SyncFolderOf(path_));
  fd_.Reset();
  return absl::OkStatus();
}

}  // namespace cairn::client
