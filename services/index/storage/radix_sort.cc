#include "services/index/storage/radix_sort.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/log/log.h"

namespace cairn::index {
namespace {

// Below, the counts cost more than they save.
constexpr size_t kFewKeys = 512;
constexpr size_t kDigits = 8;    // of a key
constexpr size_t kValues = 256;  // of a digit

size_t DigitOf(uint64_t key, size_t digit) {
  return key >> (8 * digit) & (kValues - 1);
}

}  // namespace

void RadixSort(std::span<uint64_t> keys, std::span<uint64_t> scratch) {
  CHECK_GE(scratch.size(), keys.size());
  if (keys.size() < kFewKeys) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  std::array<std::array<size_t, kValues>, kDigits> counts{};
  for (const uint64_t key : keys) {
    for (size_t digit = 0; digit < kDigits; ++digit) {
      ++counts[digit][DigitOf(key, digit)];
    }
  }
  uint64_t* from = keys.data();
  uint64_t* to = scratch.data();
  for (size_t digit = 0; digit < kDigits; ++digit) {
    std::array<size_t, kValues>& places = counts[digit];
    // All keys have the same digit here: nothing moves.
    if (places[DigitOf(from[0], digit)] == keys.size()) continue;
    size_t sum = 0;
    for (size_t& place : places) {
      const size_t count = place;
      place = sum;
      sum += count;
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      to[places[DigitOf(from[i], digit)]++] = from[i];
    }
    std::swap(from, to);
  }
  if (from != keys.data()) std::copy_n(from, keys.size(), keys.data());
}

}  // namespace cairn::index
