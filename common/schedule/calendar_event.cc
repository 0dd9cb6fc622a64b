#include "common/schedule/calendar_event.h"

#include <algorithm>
#include <bitset>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/schedule/calendar_parser.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// Changes of a zone's offset that one search steps over. Zones have at most
// four a year, so this is more than all that are left until the last year.
constexpr int kMaxSteps = 2000;
constexpr int kSecondsPerHour = 3600;
constexpr int kSecondsPerMinute = 60;

// Values in a row that are written as one range or step; below, as a list.
constexpr size_t kMinRun = 3;

int WeekdayNumber(absl::CivilDay day) {
  return static_cast<int>(absl::GetWeekday(day));  // Monday is 0
}

// The first second of a day, at or after `from`, that the fields match; -1 if
// none is left.
int MatchSecondOfDay(const CalendarFields& fields, int from) {
  for (int hour = NextSetBit(fields.hours, from / kSecondsPerHour); hour >= 0;
       hour = NextSetBit(fields.hours, hour + 1)) {
    const int in_hour = std::max(0, from - hour * kSecondsPerHour);
    for (int minute = NextSetBit(fields.minutes, in_hour / kSecondsPerMinute);
         minute >= 0; minute = NextSetBit(fields.minutes, minute + 1)) {
      const int second = NextSetBit(
          fields.seconds, std::max(0, in_hour - minute * kSecondsPerMinute));
      if (second >= 0) {
        return hour * kSecondsPerHour + minute * kSecondsPerMinute + second;
      }
    }
  }
  return -1;
}

std::string FormatNumber(int value, int width) {
  return absl::StrFormat("%0*d", width, value);
}

// A list that a field reads as the same set, with ranges and steps.
template <size_t kSize>
std::string FormatField(const std::bitset<kSize>& bits, int base, int first,
                        int last, int width) {
  std::vector<int> values;
  for (int value = first; value <= last; ++value) {
    if (bits[static_cast<size_t>(value - base)]) values.push_back(value);
  }
  if (static_cast<int>(values.size()) == last - first + 1) return "*";
  std::vector<std::string> items;
  size_t at = 0;
  while (at < values.size()) {
    size_t end = at + 1;
    const int step = end < values.size() ? values[end] - values[at] : 0;
    while (end < values.size() && values[end] - values[end - 1] == step) ++end;
    std::string item = FormatNumber(values[at], width);
    if (end - at < kMinRun) {
      ++at;
    } else {
      const bool to_the_end = step > 1 && values[end - 1] + step > last;
      if (!to_the_end) {
        absl::StrAppend(&item, "..", FormatNumber(values[end - 1], width));
      }
      if (step > 1) absl::StrAppend(&item, "/", step);
      at = end;
    }
    items.push_back(std::move(item));
  }
  return absl::StrJoin(items, ",");
}

std::string FormatWeekdays(const std::bitset<7>& days) {
  static constexpr const char* kNames[] = {"mon", "tue", "wed", "thu",
                                           "fri", "sat", "sun"};
  std::vector<std::string> items;
  int day = NextSetBit(days, 0);
  while (day >= 0) {
    int end = day;
    while (end < 6 && days[static_cast<size_t>(end) + 1]) ++end;
    if (end - day + 1 >= static_cast<int>(kMinRun)) {
      items.push_back(absl::StrCat(kNames[day], "..", kNames[end]));
    } else {
      for (int i = day; i <= end; ++i) items.push_back(kNames[i]);
    }
    day = NextSetBit(days, end + 1);
  }
  return absl::StrJoin(items, ",");
}

}  // namespace

absl::StatusOr<CalendarEvent> CalendarEvent::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(const CalendarFields fields, ParseCalendarFields(text));
  return CalendarEvent(fields);
}

std::optional<absl::Time> CalendarEvent::Next(absl::Time after,
                                              absl::TimeZone zone) const {
  // Two days beyond what any zone can see of the first and last year.
  const absl::Time first =
      absl::FromCivil(absl::CivilDay(CalendarFields::kFirstYear, 1, 1) - 2,
                      absl::UTCTimeZone());
  const absl::Time last =
      absl::FromCivil(absl::CivilDay(CalendarFields::kLastYear + 1, 1, 1) + 2,
                      absl::UTCTimeZone());
  if (after >= last) return std::nullopt;
  if (after < first) after = first;
  if (fields_.utc) zone = absl::UTCTimeZone();
  return fields_.hours.all() ? NextOfEveryHour(after, zone)
                             : NextOfSomeHours(after, zone);
}

// The instants whose time on the wall matches. Between two changes of the
// offset, instants and times on the wall go in step.
std::optional<absl::Time> CalendarEvent::NextOfEveryHour(
    absl::Time after, absl::TimeZone zone) const {
  absl::Time from = absl::FromUnixSeconds(absl::ToUnixSeconds(after) + 1);
  for (int step = 0; step < kMaxSteps; ++step) {
    const absl::CivilSecond wall = absl::ToCivilSecond(from, zone);
    const std::optional<absl::CivilSecond> match = MatchFrom(wall);
    const absl::Time found = match.has_value()
                                 ? from + absl::Seconds(*match - wall)
                                 : absl::InfiniteFuture();
    absl::TimeZone::CivilTransition change;
    absl::Time changed = absl::InfiniteFuture();
    if (zone.NextTransition(from, &change)) changed = zone.At(change.to).trans;
    if (match.has_value() && found < changed) return found;
    // Clocks that go back show times again that may match.
    if (changed == absl::InfiniteFuture() ||
        (!match.has_value() && change.to >= wall)) {
      return std::nullopt;
    }
    from = changed;
  }
  return std::nullopt;
}

// Each time on the wall that matches stands for one instant, and these are in
// the same order as the times on the wall.
std::optional<absl::Time> CalendarEvent::NextOfSomeHours(
    absl::Time after, absl::TimeZone zone) const {
  absl::CivilSecond from = absl::ToCivilSecond(after, zone) + 1;
  for (int step = 0; step < kMaxSteps; ++step) {
    const std::optional<absl::CivilSecond> match = MatchFrom(from);
    if (!match.has_value()) return std::nullopt;
    const absl::TimeZone::TimeInfo at = zone.At(*match);
    if (at.kind == absl::TimeZone::TimeInfo::SKIPPED) return at.trans;
    if (at.pre > after) return at.pre;
    // It comes again, and fired when it came first: on with the first time
    // that comes once.
    from = absl::ToCivilSecond(at.trans - absl::Seconds(1), zone) + 1;
  }
  return std::nullopt;
}

std::optional<absl::CivilSecond> CalendarEvent::MatchFrom(
    absl::CivilSecond from) const {
  const absl::CivilDay today(from);
  std::optional<absl::CivilDay> day = MatchDayFrom(today);
  int second = -1;
  if (day == today) {
    second = MatchSecondOfDay(
        fields_, static_cast<int>(from - absl::CivilSecond(today)));
    if (second < 0) day = MatchDayFrom(today + 1);
  }
  if (!day.has_value()) return std::nullopt;
  if (second < 0) second = MatchSecondOfDay(fields_, 0);
  return absl::CivilSecond(*day) + second;
}

std::optional<absl::CivilDay> CalendarEvent::MatchDayFrom(
    absl::CivilDay from) const {
  if (from.year() > CalendarFields::kLastYear) return std::nullopt;
  const absl::CivilDay first(CalendarFields::kFirstYear, 1, 1);
  from = std::max(from, first);
  const int from_year = static_cast<int>(from.year());
  int index = NextSetBit(fields_.years, from_year - CalendarFields::kFirstYear);
  for (; index >= 0; index = NextSetBit(fields_.years, index + 1)) {
    const int year = CalendarFields::kFirstYear + index;
    int month =
        NextSetBit(fields_.months, year == from_year ? from.month() : 1);
    for (; month >= 0; month = NextSetBit(fields_.months, month + 1)) {
      for (int day = NextSetBit(fields_.days, 1); day >= 0;
           day = NextSetBit(fields_.days, day + 1)) {
        const absl::CivilDay date(year, month, day);
        if (date.month() != month) break;  // the month is shorter
        if (date >= from &&
            fields_.weekdays[static_cast<size_t>(WeekdayNumber(date))]) {
          return date;
        }
      }
    }
  }
  return std::nullopt;
}

std::string CalendarEvent::ToString() const {
  std::string text;
  if (!fields_.weekdays.all()) {
    absl::StrAppend(&text, FormatWeekdays(fields_.weekdays), " ");
  }
  absl::StrAppend(
      &text,
      FormatField(fields_.years, CalendarFields::kFirstYear,
                  CalendarFields::kFirstYear, CalendarFields::kLastYear, 4),
      "-", FormatField(fields_.months, 0, 1, 12, 2), "-",
      FormatField(fields_.days, 0, 1, 31, 2), " ",
      FormatField(fields_.hours, 0, 0, 23, 2), ":",
      FormatField(fields_.minutes, 0, 0, 59, 2), ":",
      FormatField(fields_.seconds, 0, 0, 59, 2), fields_.utc ? " UTC" : "");
  return text;
}

}  // namespace cairn
