#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/transfer/frame.h"

namespace cairn::client {

// The last pieces of a source that cannot be read again, kept until they are
// durable so that they can be sent again. Pieces come in order; between them
// there may be gaps. Offsets:
//   begin() <= position() <= end()
// What is held, with kPieceCost for each piece, is at most the capacity and
// one piece. One thread.
class ReplayBuffer {
 public:
  // Of a piece, in bytes of the capacity, besides its own.
  static constexpr size_t kPieceCost = 64;

  explicit ReplayBuffer(size_t capacity_bytes) : capacity_(capacity_bytes) {}

  // First byte that is still here.
  uint64_t begin() const { return begin_; }
  // One behind the last byte appended.
  uint64_t end() const { return end_; }
  // Where Next goes on.
  uint64_t position() const { return position_; }
  // True if nothing may be appended before a Release.
  bool full() const { return held_ >= capacity_; }

  // Adds a piece, not empty and not below end(). Requires !full().
  void Append(Frame piece);
  // Adds 1..kFrameBytes bytes at end(). Requires !full().
  void Append(std::string data);
  // Moves end() to `offset`, which is not below it: there is no piece there.
  void SkipTo(uint64_t offset);

  // The piece at or behind position(), from there on; position() moves behind
  // it. Nullopt: there is none, and position() is end().
  std::optional<Frame> Next();

  // Frees whole pieces below `offset`.
  void Release(uint64_t offset);

  // OutOfRange: `offset` is outside [begin(), end()].
  absl::Status Rewind(uint64_t offset);

 private:
  static size_t CostOf(const Frame& piece) {
    return piece.data.size() + kPieceCost;
  }

  const size_t capacity_;
  size_t held_ = 0;  // the costs of frames_
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  uint64_t position_ = 0;
  std::deque<Frame> frames_;  // within [begin_, end_)
};

}  // namespace cairn::client
