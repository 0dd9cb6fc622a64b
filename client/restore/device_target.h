#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/local_file.h"
#include "client/restore/target.h"

namespace cairn::client {

// A block device, written in place from its beginning. Holes are zeroed,
// because a device has old content where nothing is written.
class DeviceTarget final : public Target {
 public:
  // FailedPrecondition: mounted or otherwise in use, or too small.
  static absl::StatusOr<std::unique_ptr<Target>> Open(
      const TargetOptions& options);

  absl::Status Write(uint64_t offset, std::string_view data) override;
  absl::Status WriteHole(uint64_t offset, uint64_t length) override;
  absl::Status Finish() override;

 private:
  DeviceTarget(FileDescriptor fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  const FileDescriptor fd_;
  const std::string path_;
};

}  // namespace cairn::client
