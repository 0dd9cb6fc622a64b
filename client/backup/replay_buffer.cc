#include "client/backup/replay_buffer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cairn::client {

void ReplayBuffer::Append(Frame piece) {
  end_ = piece.end();
  held_ += CostOf(piece);
  frames_.push_back(std::move(piece));
}

void ReplayBuffer::Append(std::string data) {
  Append(Frame{.offset = end_, .data = std::move(data)});
}

void ReplayBuffer::SkipTo(uint64_t offset) { end_ = offset; }

std::optional<Frame> ReplayBuffer::Next() {
  // Nearly always the last piece; after a Rewind a few hundred at most.
  const auto piece = std::upper_bound(
      frames_.begin(), frames_.end(), position_,
      [](uint64_t offset, const Frame& frame) { return offset < frame.end(); });
  if (piece == frames_.end()) {
    position_ = end_;
    return std::nullopt;
  }
  const uint64_t offset = std::max(position_, piece->offset);
  Frame frame = {.offset = offset};
  if (piece->hole_bytes > 0) {
    frame.hole_bytes = piece->end() - offset;
  } else {
    frame.data = piece->data.substr(offset - piece->offset);
  }
  position_ = frame.end();
  return frame;
}

void ReplayBuffer::Release(uint64_t offset) {
  while (!frames_.empty() && frames_.front().end() <= offset &&
         frames_.front().end() <= position_) {
    begin_ = frames_.front().end();
    held_ -= CostOf(frames_.front());
    frames_.pop_front();
  }
}

absl::Status ReplayBuffer::Rewind(uint64_t offset) {
  if (offset < begin_ || offset > end_) {
    return absl::OutOfRangeError(absl::StrCat(
        "the server stands at byte ", offset, ", only bytes ", begin_, " to ",
        end_, " are still in memory, and the source cannot be read again"));
  }
  position_ = offset;
  return absl::OkStatus();
}

}  // namespace cairn::client
