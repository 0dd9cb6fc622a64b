#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"

namespace cairn {

// A FileSystem that forgets in a power cut what a real one may forget: every
// write to a file since its last Sync, sector by sector of 512 bytes, and
// every creation, rename and removal of a name since the last SyncDirectory
// of its directory, each by itself (a rename as a whole). Thread-safe. Files
// must not outlive it.
class InMemoryFileSystem final : public FileSystem {
 public:
  InMemoryFileSystem();
  ~InMemoryFileSystem() override;

  // What is not synced is gone. Files that are open answer Internal to every
  // call from now on.
  void PowerCutLosingAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // Each sector and each change of a name that is not synced is kept or lost
  // by chance, and the length of a file that grew is any between.
  void PowerCut(absl::BitGenRef random) ABSL_LOCKS_EXCLUDED(mutex_);

  // Growth of files draws on these bytes, and Remove gives them back. Without
  // enough of them a write fails with STORAGE_FULL and writes nothing. 1 TiB
  // at first.
  void SetFreeBytes(uint64_t free_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

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
  class OpenFile;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  // The name `name` of `directory` now means `node`, or nothing.
  struct NameChange {
    NodePtr directory;
    std::string name;
    NodePtr node;
  };
  // Changes that survive together or not at all.
  using NameOperation = std::vector<NameChange>;

  struct Place {
    NodePtr directory;
    std::string name;
  };

  NodePtr Find(std::string_view path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Place> FindPlace(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<NodePtr> FindDirectory(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path,
                                             bool writable) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Apply(NameOperation operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Restart(absl::BitGenRef* random) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  const NodePtr root_;
  // Not durable yet, in order.
  std::vector<NameOperation> pending_ ABSL_GUARDED_BY(mutex_);
  uint64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = uint64_t{1} << 40;
  // Counts power cuts; a file belongs to the life in which it was opened.
  uint64_t life_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
