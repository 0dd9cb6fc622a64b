#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

// The hash of "poly-v1" and the search for places where it allows a cut. The
// numbers here and what is computed with them are part of that name.
//
// With b[p] the byte at position p, words little-endian and unsigned:
//
//   w(p)      = b[p-1] + 256 b[p]
//   filter(p) = the sum over j = 0..15 of M^j w(p - 2j),         mod 2^16
//   x(p, i)   = the 8 bytes from b[p - 63 + 8i],                 i = 0..7
//   sum(p)    = the sum over i = 0..7 of K[i] x(p, i),           mod 2^64
//   wide(p)   = G (sum(p) xor floor(sum(p) / 2^32)),             mod 2^64
//
// PolyHit of strength s at p:  2^15 <= filter(p) < 2^15 + 2^6  and
//                              the top s - 10 bits of wide(p) are zero.
//
// It depends on the last 64 bytes and no others. On random bytes the first
// test holds at exactly one of 2^10 places and both at one of 2^s. The first
// one needs only multiplications of 16 bits, of which a vector does one at
// every second position at once; it looks at 32 bytes because on real data
// shorter strings repeat too often to be a fair sample. The second one is made
// at the few places where the first holds. No run of 32 bytes of one value
// satisfies the first test.
namespace cairn {

inline constexpr size_t kPolyWindowBytes = 64;

// What the first test stands for.
inline constexpr int kPolyFilterBits = 10;

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) seeded with "poly-v1" in ASCII
// gives K, each with its lowest bit set, and then M in the low 16 bits.
struct PolyNumbers {
  std::array<uint64_t, 8> wide;  // K
  uint16_t filter;               // M
};

constexpr PolyNumbers MakePolyNumbers() {
  uint64_t state = 0x706f6c792d7631;
  const auto next = [&state] {
    state += 0x9e3779b97f4a7c15;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  };
  PolyNumbers numbers{};
  for (uint64_t& factor : numbers.wide) factor = next() | 1;
  numbers.filter = static_cast<uint16_t>(next());
  return numbers;
}

inline constexpr PolyNumbers kPolyNumbers = MakePolyNumbers();
inline constexpr uint64_t kPolyGolden = 0x9e3779b97f4a7c15;  // G

// How a search is done. All find the same places.
enum class PolyMethod {
  kPortable,  // everywhere
  kAvx2,      // x86 with AVX2
};

// The methods of this processor, the fastest first; kPortable always, last.
std::span<const PolyMethod> PolyMethods();

// Returns k + 1 for the first k < count with a PolyHit of `strength` at at[k],
// or 0 if there is none. Reads at[-63] to at[count - 1] and no other bytes;
// none if `count` is 0. `method` is one of PolyMethods(); 10 <= strength < 74.
size_t PolyScan(PolyMethod method, const uint8_t* at, size_t count,
                int strength);

}  // namespace cairn
