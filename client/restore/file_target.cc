#include "client/restore/file_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Both: errno, 0 if done.
int RenameOver(const std::string& from, const std::string& to) {
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

int RenameToFreeName(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                RENAME_NOREPLACE) == 0) {
    return 0;
  }
  // The file system knows no flags, or the kernel no such call.
  if (errno == EINVAL || errno == ENOSYS) return RenameByLink(from, to);
  return errno;
}

}  // namespace

int RenameByLink(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) {
    return unlink(from.c_str()) == 0 ? 0 : errno;
  }
  if (errno == EEXIST) return errno;
  // It has no links either: an empty file takes the name, and is replaced.
  const FileDescriptor held(
      open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!held.valid()) return errno;
  const int error = RenameOver(from, to);
  if (error != 0) unlink(to.c_str());
  return error;
}

absl::Status SyncParent(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const FileDescriptor fd(
      open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return LocalError(parent, "open directory", errno);
  if (fsync(fd.get()) != 0) return LocalError(parent, "sync", errno);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Target>> FileTarget::Create(
    const TargetOptions& options) {
  // mkstemp's name: what an interrupted run may have left is not in the way.
  std::string partial = absl::StrCat(options.path, ".XXXXXX.partial");
  FileDescriptor fd(mkostemps(partial.data(), 8, O_CLOEXEC));
  if (!fd.valid()) return LocalError(options.path, "create", errno);
  struct stat before;
  if (lstat(options.path.c_str(), &before) == 0 && S_ISREG(before.st_mode)) {
    if (fchown(fd.get(), before.st_uid, before.st_gid) == 0) {
      fchmod(fd.get(), before.st_mode & 07777);
    }
  }
  return std::unique_ptr<Target>(
      new FileTarget(options, std::move(fd), std::move(partial)));
}

FileTarget::~FileTarget() {
  if (!partial_.empty()) unlink(partial_.c_str());
}

absl::Status FileTarget::Write(uint64_t offset, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n =
        pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return LocalError(partial_, "write", errno);
    data.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  StartWriteback(offset);
  return absl::OkStatus();
}

// Lets the disk write while the rest is fetched, so that Finish does not wait
// for all of it. A hint: Finish syncs.
void FileTarget::StartWriteback(uint64_t end) {
  if (end < written_back_ + kWritebackBytes) return;
  sync_file_range(fd_.get(), static_cast<off_t>(written_back_),
                  static_cast<off_t>(end - written_back_),
                  SYNC_FILE_RANGE_WRITE);
  written_back_ = end;
}

absl::Status FileTarget::WriteHole(uint64_t, uint64_t) {
  return absl::OkStatus();  // the file is new: what is not written is a hole
}

absl::Status FileTarget::Finish() {
  if (ftruncate(fd_.get(), static_cast<off_t>(options_.size_bytes)) != 0) {
    return LocalError(partial_, "set the size", errno);
  }
  // Without this sync before the rename, a power cut could leave the whole
  // name with an empty file.
  if (fsync(fd_.get()) != 0) return LocalError(partial_, "sync", errno);
  const int error = options_.overwrite
                        ? RenameOver(partial_, options_.path)
                        : RenameToFreeName(partial_, options_.path);
  if (error != 0) {
    return LocalError(options_.path, "rename to its final name", error);
  }
  partial_.clear();
  return SyncParent(options_.path);
}

}  // namespace cairn::client
