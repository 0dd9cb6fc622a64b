#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/chunking/chunker.h"
#include "common/model/archive.h"

namespace cairn {

// The gear table of "gear-v1" is the first 256 values of SplitMix64 seeded
// with this, which is "gear-v1" in ASCII. With it no run of one byte value,
// zeros above all, ever satisfies the cut test of an allowed ChunkerSpec, so
// that such a run becomes equal chunks of max_bytes.
inline constexpr uint64_t kGearV1Seed = 0x676561722d7631;

// The hash of a position depends on this many bytes before it and no others.
inline constexpr uint32_t kGearWindowBytes = 64;

// "gear-v1". Over the last 64 bytes, oldest first, with 64 bit arithmetic:
//
//   hash = 0; for each byte: hash = 2 * hash + table[byte]
//
// A chunk ends after its n-th byte if
//   min <= n < average   and the top log2(average) + 2 bits of hash are zero,
//   average <= n < max   and the top log2(average) - 2 bits of hash are zero,
//   n == max.
// The top bits are the ones that the whole window reaches. Bytes before
// min - 64 are not looked at. On random bytes with min = average / 4 and
// max = 4 * average the mean is 1.15 times average.
class GearChunker : public Chunker {
 public:
  // `spec` has passed ValidateChunkerSpec as "gear-v1".
  explicit GearChunker(const ChunkerSpec& spec);

  size_t Scan(std::string_view bytes) override;
  void Reset(uint64_t offset) override;

 private:
  void Restart();
  // Lengthens the current chunk by as many of `bytes` as do not take it
  // beyond `end` bytes, and returns how many that were.
  size_t Take(std::string_view bytes, uint32_t end);

  const uint32_t min_bytes_;
  const uint32_t average_bytes_;
  const uint32_t max_bytes_;
  const uint64_t strict_limit_;  // a cut below average: hash < strict_limit_
  const uint64_t loose_limit_;   // a cut above it: hash < loose_limit_

  uint32_t length_ = 0;  // bytes of the current chunk
  uint64_t hash_ = 0;
};

}  // namespace cairn
