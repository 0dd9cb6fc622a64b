#include "common/io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/io/errno_status.h"
#include "common/io/unique_fd.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// A read above this asks for the size of the file first, so that a wrong
// length allocates no more than the file holds.
constexpr size_t kLargeRead = size_t{1} << 20;

class PosixFile final : public File {
 public:
  PosixFile(UniqueFd fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::string_view> pieces) override;
  absl::StatusOr<std::string> ReadAt(uint64_t offset,
                                     size_t length) const override;
  absl::Status Sync() override;
  absl::StatusOr<uint64_t> Size() const override;
  void Prefetch(uint64_t offset, uint64_t length) const override;

 private:
  absl::Status WriteAll(uint64_t& offset, std::span<iovec> vectors);
  absl::StatusOr<size_t> AvailableAt(uint64_t offset, size_t length) const;

  const UniqueFd fd_;
  const std::string path_;
  std::atomic<bool> sync_failed_ = false;
};

// Writes `vectors` one after another and moves `offset` past them.
absl::Status PosixFile::WriteAll(uint64_t& offset, std::span<iovec> vectors) {
  while (!vectors.empty()) {
    const ssize_t written =
        ::pwritev(fd_.get(), vectors.data(), static_cast<int>(vectors.size()),
                  static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, path_, absl::StrCat("write at ", offset));
    }
    offset += static_cast<uint64_t>(written);
    size_t left = static_cast<size_t>(written);
    while (!vectors.empty() && left >= vectors.front().iov_len) {
      left -= vectors.front().iov_len;
      vectors = vectors.subspan(1);
    }
    if (left > 0) {
      iovec& first = vectors.front();
      first.iov_base = static_cast<char*>(first.iov_base) + left;
      first.iov_len -= left;
    } else if (written == 0 && !vectors.empty()) {
      return absl::InternalError(
          absl::StrCat(path_, ": write at ", offset, " writes nothing"));
    }
  }
  return absl::OkStatus();
}

absl::Status PosixFile::WriteAt(uint64_t offset,
                                std::span<const std::string_view> pieces) {
  std::vector<iovec> vectors;
  while (!pieces.empty()) {
    const size_t count = std::min<size_t>(pieces.size(), IOV_MAX);
    vectors.clear();
    for (const std::string_view piece : pieces.first(count)) {
      if (piece.empty()) continue;
      vectors.push_back({.iov_base = const_cast<char*>(piece.data()),
                         .iov_len = piece.size()});
    }
    RETURN_IF_ERROR(WriteAll(offset, std::span<iovec>(vectors)));
    pieces = pieces.subspan(count);
  }
  return absl::OkStatus();
}

// `length`, cut at the end of the file.
absl::StatusOr<size_t> PosixFile::AvailableAt(uint64_t offset,
                                              size_t length) const {
  ASSIGN_OR_RETURN(const uint64_t size, Size());
  if (offset >= size) return 0;
  return static_cast<size_t>(std::min<uint64_t>(length, size - offset));
}

absl::StatusOr<std::string> PosixFile::ReadAt(uint64_t offset,
                                              size_t length) const {
  if (length > kLargeRead) {
    ASSIGN_OR_RETURN(length, AvailableAt(offset, length));
  }
  std::string bytes(length, '\0');
  size_t done = 0;
  while (done < length) {
    const ssize_t got = ::pread(fd_.get(), bytes.data() + done, length - done,
                                static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      const std::string call =
          absl::StrCat("read of ", length, " bytes at ", offset);
      const absl::Status status = ErrnoStatus(error, path_, call);
      if (error == EIO) return absl::DataLossError(status.message());
      return status;
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

absl::Status PosixFile::Sync() {
  if (sync_failed_.load(std::memory_order_acquire)) {
    return absl::InternalError(
        absl::StrCat(path_,
                     ": fdatasync: an earlier one failed, what was "
                     "written before it may be lost"));
  }
  while (::fdatasync(fd_.get()) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    sync_failed_.store(true, std::memory_order_release);
    return ErrnoStatus(error, path_, "fdatasync");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PosixFile::Size() const {
  struct stat stat_buffer;
  if (::fstat(fd_.get(), &stat_buffer) != 0) {
    return ErrnoStatus(errno, path_, "fstat");
  }
  return static_cast<uint64_t>(stat_buffer.st_size);
}

void PosixFile::Prefetch(uint64_t offset, uint64_t length) const {
  ::posix_fadvise(fd_.get(), static_cast<off_t>(offset),
                  static_cast<off_t>(length), POSIX_FADV_WILLNEED);
}

absl::StatusOr<UniqueFd> Open(const std::string& path, int flags) {
  for (;;) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    if (fd.valid()) return fd;
    if (errno != EINTR) return ErrnoStatus(errno, path, "open");
  }
}

absl::StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path,
                                               int flags) {
  // O_NONBLOCK: a named pipe must not hang the process.
  ASSIGN_OR_RETURN(UniqueFd fd, Open(path, flags | O_NONBLOCK));
  struct stat stat_buffer;
  if (::fstat(fd.get(), &stat_buffer) != 0) {
    return ErrnoStatus(errno, path, "fstat");
  }
  if (!S_ISREG(stat_buffer.st_mode)) {
    return absl::InternalError(absl::StrCat(path, ": is not a regular file"));
  }
  return std::make_unique<PosixFile>(std::move(fd), path);
}

absl::Status CreateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  const int error = errno;
  struct stat stat_buffer;
  // Also where the file system is read-only and answers EROFS.
  if (::stat(path.c_str(), &stat_buffer) == 0) {
    if (S_ISDIR(stat_buffer.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": is a file, must be a directory"));
  }
  return ErrnoStatus(error, path, "mkdir");
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::Create(
    const std::string& path) {
  return OpenFile(path, O_RDWR | O_CREAT | O_EXCL);
}

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::OpenForRead(
    const std::string& path) const {
  return OpenFile(path, O_RDONLY);
}

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::OpenForWrite(
    const std::string& path) {
  return OpenFile(path, O_RDWR);
}

absl::Status PosixFileSystem::Rename(const std::string& from,
                                     const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, from, absl::StrCat("rename to ", to));
}

absl::Status PosixFileSystem::Remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, path, "unlink");
}

absl::Status PosixFileSystem::CreateDirectories(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    RETURN_IF_ERROR(CreateDirectory(path.substr(0, end)));
  }
  return CreateDirectory(path);
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::List(
    const std::string& path) const {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (directory == nullptr) return ErrnoStatus(errno, path, "opendir");
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return ErrnoStatus(errno, path, "readdir");
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status PosixFileSystem::SyncDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Open(path, O_RDONLY | O_DIRECTORY));
  while (::fsync(fd.get()) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, path, "fsync");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PosixFileSystem::FreeBytes(
    const std::string& path) const {
  struct statvfs volume;
  while (::statvfs(path.c_str(), &volume) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, path, "statvfs");
  }
  return static_cast<uint64_t>(volume.f_bavail) * volume.f_frsize;
}

}  // namespace cairn
