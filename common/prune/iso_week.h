#pragma once

#include <cstdint>

#include "absl/time/civil_time.h"

namespace cairn {

// A week of ISO 8601: Monday to Sunday. It belongs to the year that has its
// Thursday, so that 2020-12-28 to 2021-01-03 are all of week 53 of 2020.
struct IsoWeek {
  int64_t year = 0;
  int week = 0;  // 1..53
  friend bool operator==(const IsoWeek&, const IsoWeek&) = default;
};

IsoWeek IsoWeekOf(absl::CivilDay day);

// The first day of the week that `day` is in.
absl::CivilDay MondayOf(absl::CivilDay day);

}  // namespace cairn
