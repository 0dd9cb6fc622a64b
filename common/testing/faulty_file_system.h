#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"

namespace cairn {

// What a FileSystem and its files are asked to do. Those up to kRemove
// change what is on disk, or make it durable.
enum class FileOperation {
  kCreate,
  kCreateDirectories,
  kWrite,
  kSync,
  kSyncDirectory,
  kRename,
  kRemove,
  kOpen,
  kRead,  // and File::Size
  kList,
  kFreeBytes,
};

// Hands every call on to another file system, except those that it was told
// to fail: they do nothing and return the status given. Counts calls.
// Thread-safe; outlives its files.
class FaultyFileSystem final : public FileSystem {
 public:
  // `base` outlives this.
  explicit FaultyFileSystem(FileSystem* base) : base_(base) {}

  enum class Then { kRecover, kFailAlways };

  // Fails the `nth` call (1 = the next) of `operation` from now on, and with
  // kFailAlways all of them after it. Takes the place of what was set for
  // the operation.
  void FailCall(FileOperation operation, uint64_t nth, absl::Status status,
                Then then = Then::kRecover) ABSL_LOCKS_EXCLUDED(mutex_);

  // The `nth` write from now on leaves one bit wrong on the disk, and says
  // that all is well. 0: none.
  void FlipBitOfWrite(uint64_t nth) ABSL_LOCKS_EXCLUDED(mutex_);

  // Fails every call of any kind after `changes` more calls that change the
  // disk have been let through: the moment of a crash. To crash a piece of
  // code everywhere, count mutations() of one good run and try each.
  void FailAllAfter(uint64_t changes, absl::Status status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What FreeBytes answers from now on; none: what the base answers.
  void SetFreeBytes(std::optional<uint64_t> free_bytes)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets everything through again.
  void Recover() ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls so far, failed ones included.
  uint64_t calls(FileOperation operation) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls so far that change the disk.
  uint64_t mutations() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::unique_ptr<File>> Create(
      const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(
      const std::string& path) const override;
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(
      const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) const override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;

 private:
  class FaultyFile;
  struct Fault {
    uint64_t at_call;
    absl::Status status;
    Then then;
  };

  absl::Status Admit(FileOperation operation) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the write that was just admitted is the one.
  bool TakeFlip() const ABSL_LOCKS_EXCLUDED(mutex_);

  FileSystem* const base_;

  mutable absl::Mutex mutex_;
  mutable std::map<FileOperation, uint64_t> calls_ ABSL_GUARDED_BY(mutex_);
  mutable uint64_t mutations_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<FileOperation, Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> crash_at_mutation_ ABSL_GUARDED_BY(mutex_);
  absl::Status crash_status_ ABSL_GUARDED_BY(mutex_);
  mutable uint64_t writes_until_flip_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> free_bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
