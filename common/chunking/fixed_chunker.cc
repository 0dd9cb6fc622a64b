#include "common/chunking/fixed_chunker.h"

namespace cairn {

size_t FixedChunker::Scan(std::string_view bytes) {
  const size_t missing = chunk_bytes_ - length_;
  if (bytes.size() < missing) {
    length_ += static_cast<uint32_t>(bytes.size());
    return 0;
  }
  length_ = 0;
  return missing;
}

}  // namespace cairn
