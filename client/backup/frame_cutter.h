#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/transfer/frame.h"
#include "common/chunking/chunker.h"

namespace cairn::client {

// One chunk of an archive, or one hole.
struct CutPiece {
  uint64_t offset = 0;
  std::string bytes;        // of a chunk, as long as the chunker cut it
  uint64_t hole_bytes = 0;  // > 0: a hole, and `bytes` is empty
  uint64_t length() const { return hole_bytes > 0 ? hole_bytes : bytes.size(); }
  uint64_t end() const { return offset + length(); }
};

// Cuts frames that follow each other into chunks, where the server would cut
// them: a hole is a boundary. One thread.
class FrameCutter {
 public:
  // The first chunk begins at `offset`.
  FrameCutter(std::unique_ptr<Chunker> chunker, uint64_t offset)
      : chunker_(std::move(chunker)), offset_(offset) {
    chunker_->Reset(offset);
  }

  // The pieces that end with `frame`.
  std::vector<CutPiece> Add(Frame frame);

  // Ends the current chunk, if it has bytes, at the end of the archive.
  std::optional<CutPiece> Cut();

 private:
  const std::unique_ptr<Chunker> chunker_;
  uint64_t offset_;      // where the current chunk begins
  std::string current_;  // its bytes
};

}  // namespace cairn::client
