#include "common/chunking/poly_scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/random/distributions.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

constexpr size_t kBefore = kPolyWindowBytes - 1;

// The rule as its header defines it, with the numbers written out: they are
// the format.
uint16_t ReferenceFilter(const uint8_t* at) {
  uint16_t sum = 0;
  uint16_t power = 1;
  for (int j = 0; j < 16; ++j) {
    const uint32_t word = at[-2 * j - 1] + 256u * at[-2 * j];
    sum = static_cast<uint16_t>(sum + power * word);
    power = static_cast<uint16_t>(power * 0x19bbu);
  }
  return sum;
}

uint64_t ReferenceWide(const uint8_t* at) {
  constexpr uint64_t kFactors[] = {0x30e84b5501c07775, 0x4629846a4c7ec571,
                                   0x055308e804131aa5, 0xc5a0163e4798ad09,
                                   0x4d5df12efb9032e5, 0x1f507f659be7e33f,
                                   0x0ae5c16758d533c7, 0x7fdfd658f98a6761};
  uint64_t sum = 0;
  for (int i = 0; i < 8; ++i) {
    uint64_t word = 0;
    for (int j = 7; j >= 0; --j) word = word << 8 | at[-63 + 8 * i + j];
    sum += kFactors[i] * word;
  }
  return (sum ^ (sum >> 32)) * 0x9e3779b97f4a7c15;
}

bool ReferenceHit(const uint8_t* at, int strength) {
  const uint16_t filter = ReferenceFilter(at);
  return filter >= 0x8000 && filter < 0x8040 &&
         (strength == 10 || ReferenceWide(at) >> (74 - strength) == 0);
}

size_t ReferenceScan(const uint8_t* at, size_t count, int strength) {
  for (size_t k = 0; k < count; ++k) {
    if (ReferenceHit(at + k, strength)) return k + 1;
  }
  return 0;
}

// Bytes that end where their heap buffer ends and begin `shift` bytes after
// where it begins, so that the address sanitizer sees a read past either end.
class ExactBytes {
 public:
  ExactBytes(std::string_view bytes, size_t shift)
      : buffer_(new uint8_t[shift + bytes.size()]),
        data_(buffer_.get() + shift),
        size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), data_);
  }

  // Where the first of the bytes with a whole window is.
  const uint8_t* at() const { return data_ + kBefore; }
  size_t count() const { return size_ - kBefore; }

 private:
  const std::unique_ptr<uint8_t[]> buffer_;
  uint8_t* const data_;
  const size_t size_;
};

std::string RandomBytes(size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class PolyScanTest : public testing::TestWithParam<PolyMethod> {
 protected:
  // All the places, one scan from each to the next; as the reference has them.
  size_t ExpectAllPlaces(const ExactBytes& bytes, int strength) {
    size_t hits = 0;
    for (size_t done = 0; done <= bytes.count();) {
      const uint8_t* const at = bytes.at() + done;
      const size_t left = bytes.count() - done;
      const size_t cut = PolyScan(GetParam(), at, left, strength);
      EXPECT_EQ(cut, ReferenceScan(at, left, strength))
          << "strength " << strength << " of " << left << " at " << done;
      if (cut == 0 || HasFailure()) break;
      done += cut;
      ++hits;
    }
    return hits;
  }
};

INSTANTIATE_TEST_SUITE_P(, PolyScanTest,
                         testing::ValuesIn(PolyMethods().begin(),
                                           PolyMethods().end()),
                         [](const auto& method) {
                           return method.param == PolyMethod::kAvx2
                                      ? "Avx2"
                                      : "Portable";
                         });

TEST_P(PolyScanTest, EveryLengthAndAlignment) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(2000, random);
  for (size_t shift = 0; shift < 64; ++shift) {
    for (size_t count = 0; count < 300; ++count) {
      const size_t from = absl::Uniform<size_t>(random, 0, 1000);
      ExpectAllPlaces(ExactBytes(bytes.substr(from, kBefore + count), shift),
                      10);
    }
  }
}

TEST_P(PolyScanTest, RandomBytesAtEveryStrength) {
  std::mt19937_64 random(TestSeed());
  const ExactBytes bytes(RandomBytes(1 << 20, random), 1);
  for (int strength = 10; strength <= 25; ++strength) {
    const size_t hits = ExpectAllPlaces(bytes, strength);
    const double due = 1048576.0 / (1 << strength);
    EXPECT_GT(hits, due - 6 * std::sqrt(due) - 1) << strength;
    EXPECT_LT(hits, due + 6 * std::sqrt(due) + 4) << strength;
  }
}

// Two values repeated that satisfy the first test at every second byte, the
// densest there is; then with a byte changed here and there.
TEST_P(PolyScanTest, HitsInARow) {
  std::mt19937_64 random(TestSeed());
  int patterns = 0;
  for (uint32_t word = 0; word < 0x10000; ++word) {
    std::string bytes(kBefore + 64, static_cast<char>(word));
    for (size_t i = 1; i < bytes.size(); i += 2) {
      bytes[i] = static_cast<char>(word >> 8);
    }
    const auto* const first = reinterpret_cast<const uint8_t*>(bytes.data());
    const uint16_t filter = ReferenceFilter(first + kBefore);
    if (filter < 0x8000 || filter >= 0x8040) continue;
    ++patterns;
    EXPECT_GE(ExpectAllPlaces(ExactBytes(bytes, 0), 10), 32u);
    for (int round = 0; round < 20; ++round) {
      bytes[absl::Uniform<size_t>(random, 0, bytes.size())] ^= 1;
      for (const int strength : {10, 11, 13}) {
        ExpectAllPlaces(ExactBytes(bytes, round % 8), strength);
      }
    }
  }
  EXPECT_GT(patterns, 10);
}

TEST_P(PolyScanTest, NoRunOfOneValueHits) {
  for (int value = 0; value < 256; ++value) {
    const ExactBytes run(std::string(1000, static_cast<char>(value)), 0);
    EXPECT_EQ(PolyScan(GetParam(), run.at(), run.count(), 10), 0u) << value;
  }
}

TEST_P(PolyScanTest, DependsOnTheLast64BytesAlone) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(1 << 20, random);
  const auto* const begin = reinterpret_cast<const uint8_t*>(bytes.data());
  int hits = 0;
  // How many hits end when the byte of the window changes.
  std::vector<int> ended(kPolyWindowBytes, 0);
  for (size_t at = kBefore; at < bytes.size(); ++at) {
    const size_t cut = PolyScan(GetParam(), begin + at, bytes.size() - at, 13);
    if (cut == 0) break;
    ++hits;
    at += cut - 1;
    std::string window = bytes.substr(at - kBefore, kPolyWindowBytes);
    const ExactBytes alone(window, 0);
    EXPECT_EQ(PolyScan(GetParam(), alone.at(), 1, 13), 1u);
    for (size_t i = 0; i < kPolyWindowBytes; ++i) {
      window[i] ^= 0x80;
      const ExactBytes other(window, 0);
      if (PolyScan(GetParam(), other.at(), 1, 13) == 0) ++ended[i];
      window[i] ^= 0x80;
    }
  }
  EXPECT_GT(hits, 60);
  for (const int count : ended) EXPECT_GT(count, hits / 4);
}

TEST(PolyMethodsTest, EndWithThePortableOne) {
  ASSERT_FALSE(PolyMethods().empty());
  EXPECT_EQ(PolyMethods().back(), PolyMethod::kPortable);
#ifdef __x86_64__
  EXPECT_EQ(PolyMethods().size(), __builtin_cpu_supports("avx2") ? 2u : 1u);
#endif
}

}  // namespace
}  // namespace cairn
