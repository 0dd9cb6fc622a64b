#pragma once

#include <cstdint>
#include <string>

namespace cairn::client {

// Most bytes that one frame carries.
inline constexpr size_t kFrameBytes = 1024 * 1024;

// A piece of an archive: bytes, or a hole that reads as zeros.
struct Frame {
  uint64_t offset = 0;
  std::string data;         // at most kFrameBytes
  uint64_t hole_bytes = 0;  // > 0: a hole, and `data` is empty

  uint64_t length() const { return hole_bytes > 0 ? hole_bytes : data.size(); }
  uint64_t end() const { return offset + length(); }
};

}  // namespace cairn::client
