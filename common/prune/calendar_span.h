#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn {

// A span of the calendar, as restic writes it: 1y5m7d2h. A month or a day is
// as long as the calendar and the time zone say, an hour always 3600 s.
struct CalendarSpan {
  static constexpr uint32_t kMaxCount = 999'999;

  uint32_t years = 0;
  uint32_t months = 0;
  uint32_t weeks = 0;
  uint32_t days = 0;
  uint32_t hours = 0;

  // Counts of 0 to kMaxCount, each with its unit of y m w d h, without blanks;
  // each unit at most once, in any order. All of them may be 0.
  // InvalidArgument: not of this form.
  static absl::StatusOr<CalendarSpan> Parse(std::string_view text);

  bool is_zero() const { return *this == CalendarSpan{}; }

  // The moment that far before `time`. Years to days are taken off the local
  // date, and what is no date is carried on as restic does: 2021-03-31 less 1m
  // is 2021-02-31, which is 2021-03-03. A local time that a change of the
  // clocks leaves out becomes that of the change, one that comes twice its
  // first. Hours are taken off last.
  absl::Time Before(absl::Time time, const absl::TimeZone& zone) const;

  // "1y5m2w7d2h" without counts of 0; "0h" if all are.
  std::string ToString() const;

  friend bool operator==(const CalendarSpan&, const CalendarSpan&) = default;
};

}  // namespace cairn
