#include "services/index/storage/radix_sort.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "common/log/log.h"

namespace cairn::index {
namespace {

// Below, the counts cost more than they save.
constexpr size_t kFewKeys = 512;
constexpr size_t kValues = 256;  // of a digit
constexpr int kTopShift = 56;
// Of the other digits those that are sorted by; the rest of random keys
// hardly ever decides.
constexpr std::array<int, 3> kShifts = {32, 40, 48};
constexpr int kRestShift = kShifts.front();

using Places = std::array<size_t, kValues>;

size_t DigitOf(uint64_t key, int shift) { return key >> shift & (kValues - 1); }

// Moves `from`, stably by the digit, to where `places` says that each value
// of it begins; afterwards, that it ends.
void Move(std::span<const uint64_t> from, int shift, Places& places,
          uint64_t* to) {
  for (const uint64_t key : from) to[places[DigitOf(key, shift)]++] = key;
}

void TurnCountsToPlaces(Places& counts) {
  size_t sum = 0;
  for (size_t& count : counts) sum += std::exchange(count, sum);
}

// Sorts the `size` keys at `from`, which agree in their top digit, to `to`.
// Both fit into a processor's cache if the keys are random.
void SortBucket(uint64_t* from, uint64_t* to, size_t size) {
  if (size < kFewKeys) {
    std::sort(from, from + size);
    std::copy_n(from, size, to);
    return;
  }
  std::array<Places, kShifts.size()> places{};
  for (size_t i = 0; i < size; ++i) {
    for (size_t digit = 0; digit < kShifts.size(); ++digit) {
      ++places[digit][DigitOf(from[i], kShifts[digit])];
    }
  }
  uint64_t* const sorted = to;
  for (size_t digit = 0; digit < kShifts.size(); ++digit) {
    TurnCountsToPlaces(places[digit]);
    Move({from, size}, kShifts[digit], places[digit], to);
    std::swap(from, to);
  }
  static_assert(kShifts.size() % 2 == 1);  // so they are in `sorted`
  for (size_t begin = 0, end = 0; begin < size; begin = end) {
    for (++end; end < size &&
                sorted[end] >> kRestShift == sorted[begin] >> kRestShift;) {
      ++end;
    }
    if (end - begin > 1) std::sort(sorted + begin, sorted + end);
  }
}

}  // namespace

void RadixSort(std::span<uint64_t> keys, std::span<uint64_t> scratch) {
  CHECK_GE(scratch.size(), keys.size());
  if (keys.size() < kFewKeys) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  // By the top digit first, so that all the rest happens in small buckets.
  Places ends{};
  for (const uint64_t key : keys) ++ends[DigitOf(key, kTopShift)];
  TurnCountsToPlaces(ends);
  Move(keys, kTopShift, ends, scratch.data());
  size_t begin = 0;
  for (const size_t end : ends) {
    SortBucket(scratch.data() + begin, keys.data() + begin, end - begin);
    begin = end;
  }
}

}  // namespace cairn::index
