#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cairn {

// An open file. Not guaranteed: that written bytes survive a power cut
// before Sync has returned OK. Reads at distinct places may run at the same
// time as each other and as one writer of other bytes.
//
// Codes: ResourceExhausted for ENOSPC and EDQUOT (reason STORAGE_FULL),
// DataLoss for EIO on a read, Internal for any other failure.
class File {
 public:
  virtual ~File() = default;

  // Writes all of `pieces`, one after another, at `offset`; the file grows.
  // After an error the bytes in the range are undefined.
  virtual absl::Status WriteAt(uint64_t offset,
                               std::span<const std::string_view> pieces) = 0;

  // Reads up to `length` bytes at `offset`; fewer only at the end of file.
  virtual absl::StatusOr<std::string> ReadAt(uint64_t offset,
                                             size_t length) const = 0;

  // fdatasync. The first failure means that earlier writes may be lost and
  // the kernel no longer says which: the caller must stop the process and
  // never call Sync again.
  virtual absl::Status Sync() = 0;

  virtual absl::StatusOr<uint64_t> Size() const = 0;

  // Tells the kernel that `[offset, offset + length)` will be read soon.
  virtual void Prefetch(uint64_t offset, uint64_t length) const = 0;
};

// Directories and files by path. Not guaranteed: that a created, renamed or
// removed name survives a power cut before SyncDirectory of its directory
// has returned OK. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // AlreadyExists: `path` exists. The file opens for reading and writing,
  // mode 0600.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(
      const std::string& path) = 0;
  // NotFound: no such file. Internal: not a regular file.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      const std::string& path) const = 0;
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      const std::string& path) = 0;

  // Replaces `to` if it exists. NotFound: no `from`, or no directory of `to`.
  // Remove is for files. NotFound: no such file.
  virtual absl::Status Rename(const std::string& from,
                              const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;

  // Creates `path` and what is missing above it, mode 0700; an existing
  // directory is fine. FailedPrecondition: a file is in the way.
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  // Entry names (no "." and ".."), sorted. NotFound: no such directory.
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) const = 0;
  // fsync of the directory. A failure is as final as File::Sync's.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;

  // Bytes that an unprivileged writer may still write on this file system.
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const = 0;
};

}  // namespace cairn
