#include "common/chunking/gear_chunker.h"

#include <algorithm>
#include <array>
#include <bit>

namespace cairn {
namespace {

constexpr int kNormalisationBits = 2;

constexpr std::array<uint64_t, 256> MakeGearTable() {
  std::array<uint64_t, 256> table{};
  uint64_t state = kGearV1Seed;
  for (uint64_t& entry : table) {
    // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    state += 0x9e3779b97f4a7c15;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    entry = mixed ^ (mixed >> 31);
  }
  return table;
}

constexpr std::array<uint64_t, 256> kGearTable = MakeGearTable();

// A hash is below the result if its top `bits` bits are zero.
constexpr uint64_t LimitForTopBits(int bits) {
  return uint64_t{1} << (64 - bits);
}

// The hash after the bytes from `begin` to `end`, of which the last 64 count.
uint64_t Warm(uint64_t hash, const uint8_t* begin, const uint8_t* end) {
  for (const uint8_t* at = begin; at != end; ++at) {
    hash = 2 * hash + kGearTable[*at];
  }
  return hash;
}

// Returns the position after the first byte at which the hash is below
// `limit`, or null if there is none before `end`. Leaves `hash` there.
const uint8_t* FindCut(const uint8_t* at, const uint8_t* end, uint64_t limit,
                       uint64_t& hash) {
  // Four bytes a round: the next round waits for one shift and one addition
  // of `hash` only, because the table values are summed up beside it.
  uint64_t h = hash;
  for (; end - at >= 4; at += 4) {
    const uint64_t sum1 = kGearTable[at[0]];
    const uint64_t sum2 = 2 * sum1 + kGearTable[at[1]];
    const uint64_t sum3 = 2 * sum2 + kGearTable[at[2]];
    const uint64_t sum4 = 2 * sum3 + kGearTable[at[3]];
    const uint64_t h1 = 2 * h + sum1;
    const uint64_t h2 = 4 * h + sum2;
    const uint64_t h3 = 8 * h + sum3;
    const uint64_t h4 = 16 * h + sum4;
    if (h1 < limit) [[unlikely]] {
      hash = h1;
      return at + 1;
    }
    if (h2 < limit) [[unlikely]] {
      hash = h2;
      return at + 2;
    }
    if (h3 < limit) [[unlikely]] {
      hash = h3;
      return at + 3;
    }
    if (h4 < limit) [[unlikely]] {
      hash = h4;
      return at + 4;
    }
    h = h4;
  }
  for (; at != end; ++at) {
    h = 2 * h + kGearTable[*at];
    if (h < limit) {
      hash = h;
      return at + 1;
    }
  }
  hash = h;
  return nullptr;
}

// Where in a chunk which limit holds: up to a length of `end`.
struct Zone {
  uint32_t end;
  uint64_t limit;
};

}  // namespace

GearChunker::GearChunker(const ChunkerSpec& spec)
    : min_bytes_(spec.min_bytes),
      average_bytes_(spec.average_bytes),
      max_bytes_(spec.max_bytes),
      strict_limit_(LimitForTopBits(std::countr_zero(spec.average_bytes) +
                                    kNormalisationBits)),
      loose_limit_(LimitForTopBits(std::countr_zero(spec.average_bytes) -
                                   kNormalisationBits)) {}

void GearChunker::Reset(uint64_t /*offset*/) { Restart(); }

void GearChunker::Restart() {
  length_ = 0;
  hash_ = 0;
}

size_t GearChunker::Take(std::string_view bytes, uint32_t end) {
  if (length_ >= end) return 0;
  const size_t count = std::min<size_t>(bytes.size(), end - length_);
  length_ += static_cast<uint32_t>(count);
  return count;
}

size_t GearChunker::Scan(std::string_view bytes) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t used = Take(bytes, min_bytes_ - kGearWindowBytes);

  // The byte that makes the chunk min_bytes long is the first to be tested.
  const size_t warm = Take(bytes.substr(used), min_bytes_ - 1);
  hash_ = Warm(hash_, begin + used, begin + used + warm);
  used += warm;

  for (const auto& [end, limit] : {Zone{average_bytes_ - 1, strict_limit_},
                                   Zone{max_bytes_ - 1, loose_limit_}}) {
    const size_t count = Take(bytes.substr(used), end);
    const uint8_t* const cut =
        FindCut(begin + used, begin + used + count, limit, hash_);
    if (cut != nullptr) {
      Restart();
      return cut - begin;
    }
    used += count;
  }
  if (used == bytes.size()) return 0;
  Restart();
  return used + 1;  // the byte that makes the chunk max_bytes long
}

}  // namespace cairn
