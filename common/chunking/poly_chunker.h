#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/chunking/chunker.h"
#include "common/chunking/poly_scan.h"
#include "common/model/archive.h"

namespace cairn {

// "poly-v1": where poly_scan.h's hash of the last 64 bytes says so. A chunk
// ends after its n-th byte, with B = log2(average), if
//
//   min <= n < average   and PolyHit of strength B + 2 there,
//   average <= n < max   and PolyHit of strength B - 2 there,
//   n == max.
//
// Bytes before min - 64 are not looked at. A run of one byte value becomes
// chunks of max_bytes. On random bytes with min = average / 4 and max = 4 *
// average the mean is 1.15 times average.
class PolyChunker : public Chunker {
 public:
  // `spec` has passed ValidateChunkerSpec as "poly-v1". `method` is one of
  // PolyMethods(); it does not change where the cuts are.
  explicit PolyChunker(const ChunkerSpec& spec,
                       PolyMethod method = PolyMethods().front());

  size_t Scan(std::string_view bytes) override;
  void Reset(uint64_t offset) override;

 private:
  void Restart();
  // Lengthens the current chunk by as many of `count` bytes as do not take it
  // beyond `end` bytes, and returns how many that were.
  size_t Take(size_t count, uint32_t end);
  // Takes in the bytes from `from` to the end of `bytes`. Those before are in
  // the chunk already; if it is not below min_bytes, they are 63 at least,
  // else all since min_bytes - 64. As Scan, with `bytes` as a whole.
  size_t Test(std::string_view bytes, size_t from);
  // Remembers the last 64 of the bytes since min_bytes - 64, of which `bytes`
  // are the last.
  void Keep(std::string_view bytes);

  const uint32_t min_bytes_;
  const uint32_t average_bytes_;
  const uint32_t max_bytes_;
  const PolyMethod method_;

  uint32_t length_ = 0;  // bytes of the current chunk
  // The last of them that the test of the next byte needs, at most 64, and
  // room for as many of the next piece as are tested together with them.
  uint32_t kept_ = 0;
  std::array<char, 2 * kPolyWindowBytes> recent_;
};

}  // namespace cairn
