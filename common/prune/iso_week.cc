#include "common/prune/iso_week.h"

namespace cairn {

absl::CivilDay MondayOf(absl::CivilDay day) {
  // Weekdays count from Monday = 0.
  return day - static_cast<int>(absl::GetWeekday(day));
}

IsoWeek IsoWeekOf(absl::CivilDay day) {
  const absl::CivilDay thursday = MondayOf(day) + 3;
  const absl::CivilDay new_year(thursday.year(), 1, 1);
  return {.year = thursday.year(),
          .week = static_cast<int>((thursday - new_year) / 7) + 1};
}

}  // namespace cairn
