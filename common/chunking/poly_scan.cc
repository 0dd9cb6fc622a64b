#include "common/chunking/poly_scan.h"

#include <array>
#include <bit>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace cairn {
namespace {

constexpr size_t kFilterBytes = 32;
constexpr uint16_t kFilterFrom = 1 << 15;
constexpr uint16_t kFilterSize = 1 << (16 - kPolyFilterBits);

// mod 2^16
constexpr uint16_t Times(uint32_t a, uint32_t b) {
  return static_cast<uint16_t>(a * b);
}

constexpr uint16_t PowerOfM(int exponent) {
  uint16_t power = 1;
  for (int i = 0; i < exponent; ++i) power = Times(power, kPolyNumbers.filter);
  return power;
}

template <int kExponent>
constexpr uint32_t kPower = PowerOfM(kExponent);

constexpr bool PassesFilter(uint16_t filter) {
  return static_cast<uint16_t>(filter - kFilterFrom) < kFilterSize;
}

constexpr bool ARunOfOneValuePasses() {
  uint16_t sum = 0;
  for (int j = 0; j < 16; ++j) sum += PowerOfM(j);
  for (uint16_t value = 0; value < 256; ++value) {
    if (PassesFilter(Times(value * 257, sum))) return true;
  }
  return false;
}
static_assert(!ARunOfOneValuePasses());
static_assert(kPolyNumbers.filter % 8 == 3);  // powers repeat after 2^14

// The second test: whether wide(at) is below a limit.
class WideTest {
 public:
  explicit WideTest(int strength)
      : most_(~uint64_t{0} >> (strength - kPolyFilterBits)) {}

  bool Passes(const uint8_t* at) const {
    const uint8_t* const from = at - (kPolyWindowBytes - 1);
    uint64_t sum = 0;
    for (size_t i = 0; i < kPolyNumbers.wide.size(); ++i) {
      sum += kPolyNumbers.wide[i] * Word(from + 8 * i);
    }
    return (sum ^ (sum >> 32)) * kPolyGolden <= most_;
  }

 private:
  // Little-endian.
  static uint64_t Word(const uint8_t* from) {
    uint64_t word;
    std::memcpy(&word, from, sizeof(word));
    if constexpr (std::endian::native == std::endian::big) {
      word = __builtin_bswap64(word);
    }
    return word;
  }

  const uint64_t most_;
};

// A kernel looks at a whole number of steps of so many positions. `wide` is
// asked at the positions that pass the first test, in order.
//
//   static constexpr size_t kStep;
//   static size_t Scan(const uint8_t* at, size_t count, const WideTest& wide);

// Loops of fixed length over arrays, which a compiler turns into whatever
// vectors the processor has.
struct PortableKernel {
  static constexpr size_t kStep = 128;

  static size_t Scan(const uint8_t* at, size_t count, const WideTest& wide) {
    Sums sums;
    for (size_t k = 0; k < count; k += kStep) {
      if (!Set(sums, at + k)) continue;
      for (size_t i = 0; i < kStep; ++i) {
        if (PassesFilter(sums.of_32[i]) && wide.Passes(at + k + i)) {
          return k + i + 1;
        }
      }
    }
    return 0;
  }

 private:
  // Over the last 2, 8, 16 and 32 bytes. The first are those of the positions
  // 30, 24, 16 and 0 before a step.
  struct Sums {
    std::array<uint16_t, kStep + 30> of_2;
    std::array<uint16_t, kStep + 24> of_8;
    std::array<uint16_t, kStep + 16> of_16;
    std::array<uint16_t, kStep> of_32;  // the filters
  };

  // For the step at `at`. Returns whether one of its filters passes.
  static bool Set(Sums& sums, const uint8_t* at) {
    auto& [of_2, of_8, of_16, of_32] = sums;
    for (size_t i = 0; i < of_2.size(); ++i) {
      of_2[i] = static_cast<uint16_t>(at[i - 31] | at[i - 30] << 8);
    }
    for (size_t i = 0; i < of_8.size(); ++i) {
      of_8[i] =
          static_cast<uint16_t>(of_2[i + 6] + kPower<1> * of_2[i + 4] +
                                kPower<2> * of_2[i + 2] + kPower<3> * of_2[i]);
    }
    for (size_t i = 0; i < of_16.size(); ++i) {
      of_16[i] = static_cast<uint16_t>(of_8[i + 8] + kPower<4> * of_8[i]);
    }
    uint16_t passed = 0;
    for (size_t i = 0; i < kStep; ++i) {
      of_32[i] = static_cast<uint16_t>(of_16[i + 16] + kPower<8> * of_16[i]);
      passed |= PassesFilter(of_32[i]) ? 1 : 0;
    }
    return passed != 0;
  }
};

#ifdef __x86_64__

#define CAIRN_AVX2 __attribute__((target("avx2")))

// 16 filters at every second position, built up over the last 8, 16 and 32
// bytes. `at` + 1 is the first position: the word there is that at `at`.
class Filters {
 public:
  // Begins with the 16 that precede those at `at`.
  CAIRN_AVX2 explicit Filters(const uint8_t* at)
      : of_8_(Of8(at - kFilterBytes)),
        of_16_(Of16(_mm256_setzero_si256(), of_8_)) {}

  CAIRN_AVX2 __m256i Next(const uint8_t* at) {
    const __m256i of_8 = Of8(at);
    const __m256i of_16 = Of16(of_8_, of_8);
    // The 16 bytes before the last 16.
    const __m256i earlier = _mm256_permute2x128_si256(of_16_, of_16, 0x21);
    of_8_ = of_8;
    of_16_ = of_16;
    return _mm256_add_epi16(of_16, TimesPower<8>(earlier));
  }

 private:
  template <int kExponent>
  CAIRN_AVX2 static __m256i TimesPower(__m256i words) {
    constexpr auto kFactor = static_cast<int16_t>(kPower<kExponent>);
    return _mm256_mullo_epi16(words, _mm256_set1_epi16(kFactor));
  }

  CAIRN_AVX2 static __m256i Load(const uint8_t* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }

  CAIRN_AVX2 static __m256i Of8(const uint8_t* at) {
    return _mm256_add_epi16(
        _mm256_add_epi16(Load(at), TimesPower<1>(Load(at - 2))),
        _mm256_add_epi16(TimesPower<2>(Load(at - 4)),
                         TimesPower<3>(Load(at - 6))));
  }

  // `before`: those of the 16 positions before.
  CAIRN_AVX2 static __m256i Of16(__m256i before, __m256i of_8) {
    const __m256i middle = _mm256_permute2x128_si256(before, of_8, 0x21);
    return _mm256_add_epi16(of_8,
                            TimesPower<4>(_mm256_alignr_epi8(of_8, middle, 8)));
  }

  __m256i of_8_;
  __m256i of_16_;  // only the upper half of the first is right, and needed
};

struct Avx2Kernel {
  static constexpr size_t kStep = 32;

  CAIRN_AVX2 static size_t Scan(const uint8_t* at, size_t count,
                                const WideTest& wide) {
    // As signed numbers, those from 2^15 on are the lowest.
    const __m256i above =
        _mm256_set1_epi16(static_cast<int16_t>(kFilterFrom + kFilterSize));
    // Of the positions at + 1, at + 3, ... and of at, at + 2, ...
    Filters odd(at);
    Filters even(at - 1);
    for (size_t k = 0; k < count; k += kStep) {
      const __m256i odd_hits = _mm256_cmpgt_epi16(above, odd.Next(at + k));
      const __m256i even_hits =
          _mm256_cmpgt_epi16(above, even.Next(at + k - 1));
      const __m256i hits = _mm256_or_si256(odd_hits, even_hits);
      if (_mm256_testz_si256(hits, hits) != 0) [[likely]] {
        continue;
      }
      // A hit sets two bits: of its place and of the one before or after.
      uint32_t places =
          (static_cast<uint32_t>(_mm256_movemask_epi8(odd_hits)) & 0xaaaaaaaa) |
          (static_cast<uint32_t>(_mm256_movemask_epi8(even_hits)) & 0x55555555);
      for (; places != 0; places &= places - 1) {
        const size_t place = k + std::countr_zero(places);
        if (wide.Passes(at + place)) return place + 1;
      }
    }
    return 0;
  }
};

bool HasAvx2() { return __builtin_cpu_supports("avx2") != 0; }

#else

using Avx2Kernel = PortableKernel;  // never chosen

bool HasAvx2() { return false; }

#endif

template <typename Kernel>
size_t ScanBy(const uint8_t* at, size_t count, const WideTest& wide) {
  const size_t rest = count % Kernel::kStep;
  const size_t whole = count - rest;
  if (whole > 0) {
    const size_t cut = Kernel::Scan(at, whole, wide);
    if (cut != 0) return cut;
  }
  if (rest == 0) return 0;
  // A last step over the rest, with zeros behind it.
  std::array<uint8_t, kPolyWindowBytes - 1 + Kernel::kStep> step{};
  std::memcpy(step.data(), at + whole - (kPolyWindowBytes - 1),
              kPolyWindowBytes - 1 + rest);
  const size_t last =
      Kernel::Scan(step.data() + kPolyWindowBytes - 1, Kernel::kStep, wide);
  return last == 0 || last > rest ? 0 : whole + last;
}

}  // namespace

std::span<const PolyMethod> PolyMethods() {
  static constexpr PolyMethod kMethods[] = {PolyMethod::kAvx2,
                                            PolyMethod::kPortable};
  static const bool has_avx2 = HasAvx2();
  return std::span(kMethods).subspan(has_avx2 ? 0 : 1);
}

size_t PolyScan(PolyMethod method, const uint8_t* at, size_t count,
                int strength) {
  const WideTest wide(strength);
  return method == PolyMethod::kAvx2 ? ScanBy<Avx2Kernel>(at, count, wide)
                                     : ScanBy<PortableKernel>(at, count, wide);
}

}  // namespace cairn
