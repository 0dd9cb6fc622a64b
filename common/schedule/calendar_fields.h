#pragma once

#include <bitset>
#include <cstddef>

namespace cairn {

// What a calendar event says, field by field: an instant matches if each of
// its fields is in the set. A plain value; no field is empty once parsed.
struct CalendarFields {
  static constexpr int kFirstYear = 1900;
  static constexpr int kLastYear = 2199;

  bool utc = false;
  std::bitset<7> weekdays;                        // bit 0 is Monday
  std::bitset<kLastYear - kFirstYear + 1> years;  // bit 0 is kFirstYear
  std::bitset<13> months;                         // bits 1..12
  std::bitset<32> days;                           // bits 1..31
  std::bitset<24> hours;
  std::bitset<60> minutes;
  std::bitset<60> seconds;

  friend bool operator==(const CalendarFields&,
                         const CalendarFields&) = default;
};

// The first bit at or above `from` that is set; -1 if there is none.
template <size_t kSize>
int NextSetBit(const std::bitset<kSize>& bits, int from) {
  for (size_t i = from < 0 ? 0 : static_cast<size_t>(from); i < kSize; ++i) {
    if (bits[i]) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace cairn
