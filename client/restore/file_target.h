#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/local_file.h"
#include "client/restore/target.h"

namespace cairn::client {

// A regular file, written beside its place under a name that ends in
// ".partial", and renamed to it when it is whole and synced. Holes stay
// holes. An existing file keeps its mode and owner if this process may set
// them; a new one is readable by its owner only.
class FileTarget final : public Target {
 public:
  static absl::StatusOr<std::unique_ptr<Target>> Create(
      const TargetOptions& options);
  ~FileTarget() override;

  absl::Status Write(uint64_t offset, std::string_view data) override;
  absl::Status WriteHole(uint64_t offset, uint64_t length) override;
  absl::Status Finish() override;

 private:
  FileTarget(const TargetOptions& options, FileDescriptor fd,
             std::string partial)
      : options_(options), fd_(std::move(fd)), partial_(std::move(partial)) {}

  // Written between two times that the disk is told to begin.
  static constexpr uint64_t kWritebackBytes = uint64_t{16} << 20;

  void StartWriteback(uint64_t end);

  const TargetOptions options_;
  FileDescriptor fd_;
  std::string partial_;        // empty: renamed
  uint64_t written_back_ = 0;  // the disk was told of all before
};

// Gives the file `from` the name `to`, unless something has it, where the
// file system cannot do both in one rename. Errno (EEXIST), 0 if done.
int RenameByLink(const std::string& from, const std::string& to);

// fsync of the directory that holds `path`.
absl::Status SyncParent(const std::string& path);

}  // namespace cairn::client
