#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/transfer/frame.h"

namespace cairn::client {

// The last bytes of a stream that cannot be read again, kept until they are
// durable so that they can be sent again. Offsets:
//   begin() <= position() <= end(), end() - begin() <= capacity + a frame
// One thread.
class ReplayBuffer {
 public:
  explicit ReplayBuffer(size_t capacity_bytes) : capacity_(capacity_bytes) {}

  // First byte that is still here.
  uint64_t begin() const { return begin_; }
  // One behind the last byte appended.
  uint64_t end() const { return end_; }
  // Where Next goes on.
  uint64_t position() const { return position_; }
  // True if nothing may be appended before a Release.
  bool full() const { return end_ - begin_ >= capacity_; }

  // Adds 1..kFrameBytes bytes at end(). Requires !full().
  void Append(std::string data);

  // The piece at position(); nullopt at end().
  std::optional<Frame> Next();

  // Frees whole pieces below `offset`.
  void Release(uint64_t offset);

  // OutOfRange: `offset` is outside [begin(), end()].
  absl::Status Rewind(uint64_t offset);

 private:
  const size_t capacity_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  uint64_t position_ = 0;
  std::deque<Frame> frames_;  // [begin_, end_), without gaps
};

}  // namespace cairn::client
