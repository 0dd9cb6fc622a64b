#include "client/backup/frame_cutter.h"

#include <string_view>

namespace cairn::client {

std::vector<CutPiece> FrameCutter::Add(Frame frame) {
  std::vector<CutPiece> pieces;
  if (frame.hole_bytes > 0) {
    if (std::optional<CutPiece> last = Cut())
      pieces.push_back(*std::move(last));
    pieces.push_back({.offset = offset_, .hole_bytes = frame.hole_bytes});
    offset_ += frame.hole_bytes;
    chunker_->Reset(offset_);
    return pieces;
  }
  std::string_view bytes = frame.data;
  while (!bytes.empty()) {
    const size_t end = chunker_->Scan(bytes);
    if (end == 0) {
      current_.append(bytes);
      break;
    }
    current_.append(bytes.substr(0, end));
    bytes.remove_prefix(end);
    pieces.push_back(
        {.offset = offset_, .bytes = std::exchange(current_, std::string())});
    offset_ = pieces.back().end();
  }
  return pieces;
}

std::optional<CutPiece> FrameCutter::Cut() {
  if (current_.empty()) return std::nullopt;
  CutPiece piece = {.offset = offset_,
                    .bytes = std::exchange(current_, std::string())};
  offset_ = piece.end();
  chunker_->Reset(offset_);
  return piece;
}

}  // namespace cairn::client
