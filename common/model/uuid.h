#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"

namespace cairn {

// A UUID (RFC 9562): 16 bytes. All zero means "none". A plain value.
struct Uuid {
  std::array<uint8_t, 16> bytes{};

  // A version 4 (random) UUID drawn from `random`.
  static Uuid Random(absl::BitGenRef random);
  // InvalidArgument: `raw` is not 16 bytes long.
  static absl::StatusOr<Uuid> FromBytes(std::string_view raw);
  // Accepts the 36 character form, lower or upper case.
  // InvalidArgument: anything else.
  static absl::StatusOr<Uuid> Parse(std::string_view text);

  bool is_zero() const { return *this == Uuid{}; }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // Lower case, 36 characters.
  std::string ToString() const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Uuid& u) {
    return H::combine(std::move(h), u.bytes);
  }
};

}  // namespace cairn
