#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn {

// Appends `value` as LEB128: seven bits a byte, lowest first.
void AppendVarint(uint64_t value, std::string& out);

// Reads untrusted bytes from front to back. A read that the bytes do not
// allow returns nullopt and leaves the position where it was. Views point
// into the bytes given.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<uint8_t> Byte() {
    if (remaining() < 1) return std::nullopt;
    return static_cast<uint8_t>(bytes_[position_++]);
  }
  std::optional<std::string_view> Bytes(size_t count) {
    if (remaining() < count) return std::nullopt;
    const std::string_view bytes = bytes_.substr(position_, count);
    position_ += count;
    return bytes;
  }
  // Nullopt also if the number is not in its shortest form or above 64 bits.
  std::optional<uint64_t> Varint() {
    // Most are of one byte.
    if (position_ < bytes_.size() &&
        static_cast<uint8_t>(bytes_[position_]) < 0x80) {
      return static_cast<uint8_t>(bytes_[position_++]);
    }
    return LongVarint();
  }

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

 private:
  std::optional<uint64_t> LongVarint();

  std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace cairn
