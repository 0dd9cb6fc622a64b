#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/chunking/chunker.h"

namespace cairn {

// "fixed-v1": chunks end at multiples of one length.
class FixedChunker : public Chunker {
 public:
  // `chunk_bytes` > 0.
  explicit FixedChunker(uint32_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

  size_t Scan(std::string_view bytes) override;
  void Reset(uint64_t offset) override {
    length_ = static_cast<uint32_t>(offset % chunk_bytes_);
  }

 private:
  const uint32_t chunk_bytes_;
  uint32_t length_ = 0;  // since the last multiple, < chunk_bytes_
};

}  // namespace cairn
