#include "common/page/byte_reader.h"

namespace cairn {

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<char>(value | 0x80));
  }
  out.push_back(static_cast<char>(value));
}

std::optional<uint64_t> ByteReader::LongVarint() {
  uint64_t value = 0;
  size_t at = position_;
  for (int shift = 0; shift < 64 && at < bytes_.size(); shift += 7) {
    const uint64_t byte = static_cast<uint8_t>(bytes_[at++]);
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    // A last byte of zero could have been left out.
    if (byte == 0 && shift > 0) return std::nullopt;
    position_ = at;
    return value;
  }
  return std::nullopt;
}

}  // namespace cairn
