#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/posix/local_file.h"
#include "client/restore/target.h"

namespace cairn::client {

// Something that only takes bytes in order: stdout, a fifo, /dev/null.
class PipeTarget final : public Target {
 public:
  // `fd` belongs to somebody else and outlives the target, as `interrupt`.
  PipeTarget(int fd, std::string name, const Interrupt* interrupt)
      : fd_(fd), name_(std::move(name)), interrupt_(interrupt) {}
  static absl::StatusOr<std::unique_ptr<Target>> Open(
      const std::string& path, const Interrupt* interrupt);

  absl::Status Write(uint64_t offset, std::string_view data) override;
  absl::Status WriteHole(uint64_t offset, uint64_t length) override;
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  FileDescriptor owned_;
  const int fd_;
  const std::string name_;
  const Interrupt* const interrupt_;
};

}  // namespace cairn::client
