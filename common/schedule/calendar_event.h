#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/schedule/calendar_fields.h"

namespace cairn {

// Points in time that recur, written as Proxmox Backup Server and systemd
// write them:
//
//   [weekdays] [[year-]month-day] [[hour:]minute[:second]] [UTC]
//
//   mon..fri 8..17,22:0/15   sat *-1..7 15:00   *-*-1,15 03:30   0/2:5 UTC
//
//  - weekdays: mon or monday and so on, in lists a,b and ranges a..b; a range
//    may go over the end of the week;
//  - every other field: lists of values a, ranges a..b and steps a/n (from a
//    on), a..b/n; or * for all, or */n (from the first on; years that n
//    divides). Ranges do not wrap;
//  - a number alone is the minute of each hour. Left out: weekdays and date
//    are each day, the time is 00:00, the second is 0;
//  - minutely, hourly, daily, weekly (Monday 00:00), monthly, quarterly,
//    semiannually, yearly and annually stand for themselves;
//  - UTC at the end: in UTC, whatever the zone. Upper or lower case.
//
// In local time, where clocks are put forward or back, users of cron get what
// they expect (systemd and Proxmox lose the runs that fall into the gap):
//
//  - an event with certain hours fires once for each time of day on the wall:
//    times that are skipped fire together at the first instant after the gap,
//    a time that comes twice fires when it comes first;
//  - an event of every hour (the field holds all 24) follows elapsed time:
//    nothing is made up for a skipped hour, and an hour that comes twice is
//    two hours. So hourly and minutely events never pause.
//
// A value.
class CalendarEvent {
 public:
  // InvalidArgument names the column, what is there and what is allowed.
  static absl::StatusOr<CalendarEvent> Parse(std::string_view text);

  // The first whole second after `after` at which the event fires, in the
  // local time of `zone` unless the event is in UTC. None: it never fires
  // again before the year 2200, as with February 30.
  std::optional<absl::Time> Next(absl::Time after, absl::TimeZone zone) const;

  // One written form for all texts of one meaning, with every field:
  // "mon..fri *-*-* 08..17,22:00/15:00".
  std::string ToString() const;

  friend bool operator==(const CalendarEvent&, const CalendarEvent&) = default;

 private:
  explicit CalendarEvent(const CalendarFields& fields) : fields_(fields) {}

  std::optional<absl::Time> NextOfEveryHour(absl::Time after,
                                            absl::TimeZone zone) const;
  std::optional<absl::Time> NextOfSomeHours(absl::Time after,
                                            absl::TimeZone zone) const;
  // The first at or after the argument that the fields match.
  std::optional<absl::CivilSecond> MatchFrom(absl::CivilSecond from) const;
  std::optional<absl::CivilDay> MatchDayFrom(absl::CivilDay from) const;

  CalendarFields fields_;
};

}  // namespace cairn
