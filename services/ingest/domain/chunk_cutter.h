#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/chunking/chunker.h"

namespace cairn::ingest {

// Bytes of a received buffer, which `owner` keeps alive.
struct BytePiece {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};

// One chunk of an archive: its pieces one after another, none of them empty.
struct CutChunk {
  uint64_t offset = 0;  // in the archive
  uint64_t length = 0;  // > 0
  std::vector<BytePiece> pieces;
};

// Cuts a stream of buffers into chunks without copying their bytes. Pure;
// not thread-safe.
class ChunkCutter {
 public:
  // The first chunk begins at `offset`.
  ChunkCutter(std::unique_ptr<Chunker> chunker, uint64_t offset)
      : chunker_(std::move(chunker)) {
    SkipHole(offset);
  }

  // The chunks that end among `bytes`, in order.
  std::vector<CutChunk> Add(const std::shared_ptr<const void>& owner,
                            std::string_view bytes);

  // Ends the current chunk here, if it has bytes: before a hole, and at the
  // end of the archive.
  std::optional<CutChunk> Cut();

  // The next chunk begins `length` later. Only right after Cut.
  void SkipHole(uint64_t length) {
    current_.offset += length;
    chunker_->Reset(current_.offset);
  }

  // Where the current chunk begins: all before is cut.
  uint64_t boundary() const { return current_.offset; }

 private:
  void Append(const std::shared_ptr<const void>& owner, std::string_view bytes);

  const std::unique_ptr<Chunker> chunker_;
  CutChunk current_;
};

}  // namespace cairn::ingest
