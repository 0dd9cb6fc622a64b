#include "client/posix/local_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/posix/local_error.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Another descriptor of the pipe behind `fd`, on which no write waits; -1 if
// there can be none. A write that waits cannot be interrupted for sure: the
// signal may go to another thread, or come right before it. The flag is not
// set on `fd` itself, which may be shared with the shell.
int OpenWithoutWaiting(int fd) {
  return open(absl::StrCat("/proc/self/fd/", fd).c_str(),
              O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

}  // namespace

void FileDescriptor::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::StatusOr<LocalFile> LocalFile::Open(const std::string& path) {
  // Without O_NONBLOCK a fifo would wait here for its writer.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  int fd = open(path.c_str(), flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = open(path.c_str(), flags);
  if (fd < 0) return LocalError(path, "open", errno);
  LocalFile file(FileDescriptor(fd), path);
  ASSIGN_OR_RETURN(const FileFacts facts, file.Facts());
  if (!facts.is_regular && !facts.is_block_device) {
    return LocalError(path, "neither a regular file nor a block device", EBUSY);
  }
  return file;
}

absl::StatusOr<FileFacts> LocalFile::Facts() const {
  struct stat st;
  if (fstat(fd(), &st) != 0) return LocalError(path_, "stat", errno);
  FileFacts facts;
  facts.is_regular = S_ISREG(st.st_mode);
  facts.is_block_device = S_ISBLK(st.st_mode);
  facts.device = st.st_dev;
  facts.inode = st.st_ino;
  if (facts.is_block_device) {
    // Times of the device node say nothing about what is on the device.
    if (ioctl(fd(), BLKGETSIZE64, &facts.size_bytes) != 0) {
      return LocalError(path_, "size of the device", errno);
    }
    return facts;
  }
  facts.size_bytes = static_cast<uint64_t>(st.st_size);
  facts.modify_time_ns =
      int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  facts.change_time_ns =
      int64_t{st.st_ctim.tv_sec} * 1'000'000'000 + st.st_ctim.tv_nsec;
  return facts;
}

void LocalFile::Prefetch(uint64_t offset, uint64_t length) const {
  // A hint: that there is no such file here is told by Read.
  posix_fadvise(fd(), static_cast<off_t>(offset), static_cast<off_t>(length),
                POSIX_FADV_WILLNEED);
}

absl::StatusOr<std::string> LocalFile::Read(uint64_t offset,
                                            size_t length) const {
  std::string data(length, '\0');
  size_t got = 0;
  while (got < length) {
    const ssize_t n = pread(fd(), data.data() + got, length - got,
                            static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return LocalError(path_, "read", errno);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  data.resize(got);
  return data;
}

absl::StatusOr<Extent> LocalFile::ExtentAt(uint64_t offset,
                                           uint64_t size) const {
  const off_t data = lseek(fd(), static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return Extent{true, offset, size};
  // A file system without SEEK_DATA: everything is data.
  if (data < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) {
    return Extent{false, offset, size};
  }
  if (data < 0) return LocalError(path_, "find data", errno);
  const auto data_offset = static_cast<uint64_t>(data);
  if (data_offset > offset) {
    return Extent{true, offset, std::min(data_offset, size)};
  }
  const off_t hole = lseek(fd(), static_cast<off_t>(offset), SEEK_HOLE);
  if (hole < 0 && errno != ENXIO) return LocalError(path_, "find hole", errno);
  const uint64_t end = hole < 0 ? size : static_cast<uint64_t>(hole);
  // `end` <= offset only if the file was truncated in between.
  return Extent{false, offset, end <= offset ? size : std::min(end, size)};
}

absl::StatusOr<std::vector<Extent>> LocalFile::Extents(
    uint64_t size, uint64_t min_hole, size_t max_extents) const {
  std::vector<Extent> extents;
  uint64_t offset = 0;
  while (offset < size) {
    if (extents.size() + 1 >= max_extents) {
      extents.push_back(Extent{false, offset, size});
      break;
    }
    ASSIGN_OR_RETURN(Extent extent, ExtentAt(offset, size));
    if (extent.is_hole && extent.end - extent.offset < min_hole) {
      extent.is_hole = false;
    }
    offset = extent.end;
    if (!extents.empty() && extents.back().is_hole == extent.is_hole) {
      extents.back().end = extent.end;
    } else {
      extents.push_back(extent);
    }
  }
  return extents;
}

absl::StatusOr<FileDescriptor> OpenToReadOnce(const std::string& path,
                                              const Interrupt& interrupt) {
  while (true) {
    // With O_NONBLOCK a named pipe without a writer would read as empty.
    FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd.valid()) return fd;
    if (errno != EINTR) return LocalError(path, "open", errno);
    RETURN_IF_ERROR(interrupt.Check());
  }
}

absl::Status WriteFully(int fd, std::string_view path, std::string_view data,
                        const Interrupt& interrupt) {
  struct stat st;
  if (fstat(fd, &st) != 0) return LocalError(path, "stat", errno);
  const FileDescriptor pipe(S_ISFIFO(st.st_mode) ? OpenWithoutWaiting(fd) : -1);
  const int target = pipe.valid() ? pipe.get() : fd;
  const int poll_ms =
      static_cast<int>(absl::ToInt64Milliseconds(Interrupt::kPoll));
  while (!data.empty()) {
    RETURN_IF_ERROR(interrupt.Check());
    pollfd waiting = {.fd = target, .events = POLLOUT, .revents = 0};
    const int ready = poll(&waiting, 1, poll_ms);
    if (ready < 0 && errno != EINTR) return LocalError(path, "wait", errno);
    if (ready <= 0) continue;
    const ssize_t n = S_ISSOCK(st.st_mode)
                          ? send(target, data.data(), data.size(), MSG_DONTWAIT)
                          : write(target, data.data(), data.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return LocalError(path, "write", errno);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

bool IsAllZero(std::string_view data) {
  if (data.empty()) return true;
  return data[0] == '\0' &&
         std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
}

}  // namespace cairn::client
