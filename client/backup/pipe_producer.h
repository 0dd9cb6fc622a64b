#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"
#include "client/posix/interrupt.h"

namespace cairn::client {

// Reads a pipe, terminal or socket that somebody else owns, such as stdin.
class PipeProducer final : public ByteProducer {
 public:
  // `fd` stays open, and both outlive the producer. `name` is for errors.
  PipeProducer(int fd, std::string name, const Interrupt* interrupt)
      : fd_(fd), name_(std::move(name)), interrupt_(interrupt) {}

  absl::StatusOr<std::optional<std::string>> Read() override;

 private:
  const int fd_;
  const std::string name_;
  const Interrupt* const interrupt_;
};

}  // namespace cairn::client
