#include "services/ingest/domain/chunk_cutter.h"

#include <utility>

namespace cairn::ingest {

void ChunkCutter::Append(const std::shared_ptr<const void>& owner,
                         std::string_view bytes) {
  current_.length += bytes.size();
  if (!current_.pieces.empty()) {
    // Small frames share a buffer: what continues a piece lengthens it.
    BytePiece& last = current_.pieces.back();
    if (last.owner == owner &&
        last.bytes.data() + last.bytes.size() == bytes.data()) {
      last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
      return;
    }
  }
  current_.pieces.push_back({owner, bytes});
}

std::vector<CutChunk> ChunkCutter::Add(const std::shared_ptr<const void>& owner,
                                       std::string_view bytes) {
  std::vector<CutChunk> chunks;
  while (!bytes.empty()) {
    const size_t end = chunker_->Scan(bytes);
    if (end == 0) {
      Append(owner, bytes);
      break;
    }
    Append(owner, bytes.substr(0, end));
    bytes.remove_prefix(end);
    const uint64_t next = current_.offset + current_.length;
    chunks.push_back(std::exchange(current_, CutChunk{.offset = next}));
  }
  return chunks;
}

std::optional<CutChunk> ChunkCutter::Cut() {
  const uint64_t next = current_.offset + current_.length;
  chunker_->Reset(next);
  if (current_.length == 0) return std::nullopt;
  return std::exchange(current_, CutChunk{.offset = next});
}

}  // namespace cairn::ingest
