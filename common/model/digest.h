#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cairn {

// A SHA-256 value (FIPS 180-4): 32 bytes. Compares bytewise. A plain value.
struct Digest {
  std::array<uint8_t, 32> bytes{};

  // InvalidArgument: `raw` is not 32 bytes long.
  static absl::StatusOr<Digest> FromBytes(std::string_view raw);
  // InvalidArgument: not 64 characters of [0-9a-f].
  static absl::StatusOr<Digest> FromHex(std::string_view hex);

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string ToHex() const;

  friend auto operator<=>(const Digest&, const Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Digest& d) {
    return H::combine(std::move(h), d.bytes);
  }
};

}  // namespace cairn
