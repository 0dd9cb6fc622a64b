#include "client/backup/replay_buffer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cairn::client {

void ReplayBuffer::Append(std::string data) {
  const uint64_t length = data.size();
  frames_.push_back(Frame{.offset = end_, .data = std::move(data)});
  end_ += length;
}

std::optional<Frame> ReplayBuffer::Next() {
  if (position_ == end_) return std::nullopt;
  // Nearly always the last piece; after a Rewind a few hundred at most.
  const auto piece = std::upper_bound(
      frames_.begin(), frames_.end(), position_,
      [](uint64_t offset, const Frame& frame) { return offset < frame.end(); });
  Frame frame = {.offset = position_,
                 .data = piece->data.substr(position_ - piece->offset)};
  position_ = frame.end();
  return frame;
}

void ReplayBuffer::Release(uint64_t offset) {
  while (!frames_.empty() && frames_.front().end() <= offset &&
         frames_.front().end() <= position_) {
    begin_ = frames_.front().end();
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
