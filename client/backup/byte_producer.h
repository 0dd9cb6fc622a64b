#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace cairn::client {

// A stream that is read once, from the beginning to the end. One thread.
class ByteProducer {
 public:
  virtual ~ByteProducer() = default;

  // The next 1..kFrameBytes bytes; empty at the end, and from then on.
  // Blocks. Cancelled: the user interrupted. Else LocalErrors.
  virtual absl::StatusOr<std::string> Read() = 0;
};

}  // namespace cairn::client
