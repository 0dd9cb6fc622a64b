#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/local_file.h"
#include "client/restore/target.h"

namespace cairn::client {

// Something that only takes bytes in order: stdout, a fifo, /dev/null.
class PipeTarget final : public Target {
 public:
  // `fd` belongs to somebody else and outlives the target.
  PipeTarget(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  static absl::StatusOr<std::unique_ptr<Target>> Open(const std::string& path);

  absl::Status Write(uint64_t offset, std::string_view data) override;
  absl::Status WriteHole(uint64_t offset, uint64_t length) override;
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  FileDescriptor owned_;
  const int fd_;
  const std::string name_;
};

}  // namespace cairn::client
