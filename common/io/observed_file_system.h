#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/io/sync_observer.h"
#include "common/time/clock.h"

namespace cairn {

// Another file system, whose syncs are told to an observer. Thread-safe.
class ObservedFileSystem final : public FileSystem {
 public:
  // `base` and `clock` outlive this and the files that it opens.
  ObservedFileSystem(FileSystem* base, const Clock* clock,
                     std::shared_ptr<SyncObserver> observer);

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
  std::unique_ptr<File> Observe(const std::string& path,
                                std::unique_ptr<File> file) const;

  FileSystem* const base_;
  const Clock* const clock_;
  const std::shared_ptr<SyncObserver> observer_;
};

}  // namespace cairn
