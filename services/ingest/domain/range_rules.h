#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace cairn::ingest {

// The order and the offsets of the frames that say what of an archive is not
// as in its base. A frame that is refused changes nothing. Pure; not
// thread-safe.
//
// Every frame: InvalidArgument after End.
class RangeRules {
 public:
  // The archive will have `size_bytes` and goes on at `start`, its durable
  // offset, which is not above that.
  RangeRules(uint64_t size_bytes, uint64_t start)
      : size_bytes_(size_bytes), position_(start) {}

  // OutOfRange (OFFSET_MISMATCH, metadata "expected"): `offset` is below the
  // end of the frame before, or below the durable offset. InvalidArgument:
  // empty, above kMaxFrameBytes, or not within the archive.
  absl::Status Data(uint64_t offset, uint64_t size_bytes);
  // The same for zeros, of any length.
  absl::Status Hole(uint64_t offset, uint64_t length);
  absl::Status Flush() const;
  absl::Status End();

  // The end of the last frame.
  uint64_t position() const { return position_; }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  absl::Status CheckPlace(uint64_t offset, uint64_t length) const;

  const uint64_t size_bytes_;
  uint64_t position_;
  bool ended_ = false;
};

}  // namespace cairn::ingest
