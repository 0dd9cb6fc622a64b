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

  std::optional<uint8_t> Byte();
  std::optional<std::string_view> Bytes(size_t count);
  // Nullopt also if the number is not in its shortest form or above 64 bits.
  std::optional<uint64_t> Varint();

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

 private:
  std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace cairn
