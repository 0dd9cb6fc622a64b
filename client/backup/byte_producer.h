#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace cairn::client {

// A stream that is read once, from the beginning to the end. One thread.
class ByteProducer {
 public:
  virtual ~ByteProducer() = default;

  // The next 1..kFrameBytes bytes; empty at the end, and from then on;
  // nullopt if there are none for now. Blocks for a moment at most, unless
  // it works. Cancelled: the user interrupted. Else LocalErrors.
  virtual absl::StatusOr<std::optional<std::string>> Read() = 0;
};

}  // namespace cairn::client
