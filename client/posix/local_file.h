#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"

namespace cairn::client {

// A file descriptor that closes itself. Movable; -1 is "none".
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = other.Release();
    }
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset();

 private:
  int fd_ = -1;
};

// What a source looked like at one moment: two equal ones mean that it was
// not written between them, as far as the file system tells.
struct FileFacts {
  uint64_t size_bytes = 0;  // of a device too
  bool is_regular = false;
  bool is_block_device = false;
  int64_t modify_time_ns = 0;
  int64_t change_time_ns = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

// A run of a file that is all hole or all data.
struct Extent {
  bool is_hole = false;
  uint64_t offset = 0;
  uint64_t end = 0;  // exclusive
  friend bool operator==(const Extent&, const Extent&) = default;
};

// A file or block device that is read. Errors are LocalErrors. One thread.
class LocalFile {
 public:
  // Follows symbolic links. FailedPrecondition: neither a regular file nor a
  // block device.
  static absl::StatusOr<LocalFile> Open(const std::string& path);
  // `path` is for error texts.
  LocalFile(FileDescriptor fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  absl::StatusOr<FileFacts> Facts() const;

  // Up to `length` bytes at `offset`; fewer only at the end.
  absl::StatusOr<std::string> Read(uint64_t offset, size_t length) const;

  // Lets the kernel begin to read what Read will be asked for.
  void Prefetch(uint64_t offset, uint64_t length) const;

  // The run that begins at `offset` and ends at `size` at the latest.
  // Requires offset < size. What the file system cannot tell is data.
  absl::StatusOr<Extent> ExtentAt(uint64_t offset, uint64_t size) const;

  // All runs of [0, size), holes shorter than `min_hole` taken as data. At
  // most `max_extents`: what comes after the last but one is data to the end.
  absl::StatusOr<std::vector<Extent>> Extents(uint64_t size, uint64_t min_hole,
                                              size_t max_extents) const;

 private:
  FileDescriptor fd_;
  std::string path_;
};

// Opens a file, pipe or terminal to be read from its beginning to its end;
// waits for the writer of a named pipe. LocalErrors; Cancelled: `interrupt`
// was raised.
absl::StatusOr<FileDescriptor> OpenToReadOnce(const std::string& path,
                                              const Interrupt& interrupt);

// Writes all of `data` at the descriptor's position, waiting where it must.
// Cancelled: `interrupt` was raised; some of it may be written.
absl::Status WriteFully(int fd, std::string_view path, std::string_view data,
                        const Interrupt& interrupt);

// True if every byte is zero.
bool IsAllZero(std::string_view data);

}  // namespace cairn::client
