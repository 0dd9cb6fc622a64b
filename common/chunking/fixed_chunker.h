#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/chunking/chunker.h"

namespace cairn {

// "fixed-v1": every chunk but the last of an archive has the same length.
class FixedChunker : public Chunker {
 public:
  // `chunk_bytes` > 0.
  explicit FixedChunker(uint32_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

  size_t Scan(std::string_view bytes) override;
  void Reset() override { length_ = 0; }

 private:
  const uint32_t chunk_bytes_;
  uint32_t length_ = 0;  // bytes of the current chunk, < chunk_bytes_
};

}  // namespace cairn
