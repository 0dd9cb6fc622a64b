// Where clocks are put forward or back.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/schedule/calendar_event.h"
#include "common/testing/status_matchers.h"
#include "common/time/time_zone.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;

// The events in (after, until], both in UTC, on the wall of `zone_name`.
std::vector<std::string> Events(std::string_view event,
                                std::string_view zone_name,
                                std::string_view after,
                                std::string_view until) {
  std::vector<std::string> times;
  const auto zone = LoadTimeZone(zone_name);
  const auto parsed = CalendarEvent::Parse(event);
  EXPECT_OK(zone);
  EXPECT_OK(parsed);
  if (!zone.ok() || !parsed.ok()) return times;
  const auto read = [](std::string_view text) {
    absl::Time time;
    std::string error;
    EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M", text, &time, &error)) << text;
    return time;
  };
  const absl::Time end = read(until);
  std::optional<absl::Time> time = read(after);
  while (true) {
    time = parsed->Next(*time, *zone);
    if (!time.has_value() || *time > end) return times;
    times.push_back(absl::FormatTime("%m-%d %H:%M %z", *time, *zone));
  }
}

// Europe/Vienna: 2026-03-29 02:00 → 03:00 at 01:00 UTC, 2026-10-25 03:00 →
// 02:00 at 01:00 UTC. America/New_York: 2026-03-08 02:00 → 03:00 at 07:00
// UTC, 2026-11-01 02:00 → 01:00 at 06:00 UTC.

TEST(CalendarEventDstTest, ATimeInTheGapFiresRightAfterIt) {
  EXPECT_THAT(
      Events("2:30", "Europe/Vienna", "2026-03-28 00:00", "2026-03-30 23:00"),
      ElementsAre("03-28 02:30 +0100", "03-29 03:00 +0200",
                  "03-30 02:30 +0200"));
  EXPECT_THAT(Events("sun 2:30", "America/New_York", "2026-03-07 00:00",
                     "2026-03-15 23:00"),
              ElementsAre("03-08 03:00 -0400", "03-15 02:30 -0400"));
}

TEST(CalendarEventDstTest, TimesInTheGapFireTogether) {
  EXPECT_THAT(Events("1..3:0/20", "Europe/Vienna", "2026-03-28 23:30",
                     "2026-03-29 02:00"),
              ElementsAre("03-29 01:00 +0100", "03-29 01:20 +0100",
                          "03-29 01:40 +0100", "03-29 03:00 +0200",
                          "03-29 03:20 +0200", "03-29 03:40 +0200"));
  // Asked for within the last minute before the gap, and right after it.
  EXPECT_THAT(Events("2:15,45", "Europe/Vienna", "2026-03-29 00:59",
                     "2026-03-29 12:00"),
              ElementsAre("03-29 03:00 +0200"));
  EXPECT_THAT(Events("2:15,45", "Europe/Vienna", "2026-03-29 01:00",
                     "2026-03-29 12:00"),
              ElementsAre())
      << "it has fired";
}

TEST(CalendarEventDstTest, ATimeThatComesTwiceFiresWhenItComesFirst) {
  EXPECT_THAT(
      Events("2:30", "Europe/Vienna", "2026-10-24 00:00", "2026-10-26 23:00"),
      ElementsAre("10-24 02:30 +0200", "10-25 02:30 +0200",
                  "10-26 02:30 +0100"));
  EXPECT_THAT(Events("1:30", "America/New_York", "2026-10-31 00:00",
                     "2026-11-02 23:00"),
              ElementsAre("10-31 01:30 -0400", "11-01 01:30 -0400",
                          "11-02 01:30 -0500"));
  // From within the hour that comes again.
  EXPECT_THAT(Events("1..3:0/30", "Europe/Vienna", "2026-10-25 01:10",
                     "2026-10-25 03:00"),
              ElementsAre("10-25 03:00 +0100", "10-25 03:30 +0100"));
  EXPECT_THAT(Events("1..3:0/30", "Europe/Vienna", "2026-10-25 00:00",
                     "2026-10-25 02:10"),
              ElementsAre("10-25 02:30 +0200", "10-25 03:00 +0100"));
}

TEST(CalendarEventDstTest, EventsOfEveryHourFollowElapsedTime) {
  EXPECT_THAT(
      Events("hourly", "Europe/Vienna", "2026-03-28 23:00", "2026-03-29 03:00"),
      ElementsAre("03-29 01:00 +0100", "03-29 03:00 +0200", "03-29 04:00 +0200",
                  "03-29 05:00 +0200"));
  EXPECT_THAT(
      Events("hourly", "Europe/Vienna", "2026-10-24 23:00", "2026-10-25 03:00"),
      ElementsAre("10-25 02:00 +0200", "10-25 02:00 +0100", "10-25 03:00 +0100",
                  "10-25 04:00 +0100"));
  EXPECT_THAT(Events("*:15/30", "America/New_York", "2026-03-08 06:00",
                     "2026-03-08 08:00"),
              ElementsAre("03-08 01:15 -0500", "03-08 01:45 -0500",
                          "03-08 03:15 -0400", "03-08 03:45 -0400"));
  EXPECT_THAT(Events("*:30", "America/New_York", "2026-11-01 04:00",
                     "2026-11-01 08:00"),
              ElementsAre("11-01 00:30 -0400", "11-01 01:30 -0400",
                          "11-01 01:30 -0500", "11-01 02:30 -0500"));
  EXPECT_EQ(Events("minutely", "Europe/Vienna", "2026-10-24 22:00",
                   "2026-10-25 23:00")
                .size(),
            25u * 60);
  EXPECT_EQ(Events("minutely", "Europe/Vienna", "2026-03-28 23:00",
                   "2026-03-29 22:00")
                .size(),
            23u * 60);
}

TEST(CalendarEventDstTest, HoursAtTheEdgesFireOnce) {
  EXPECT_THAT(
      Events("2,3:0", "Europe/Vienna", "2026-03-28 23:00", "2026-03-29 20:00"),
      ElementsAre("03-29 03:00 +0200"));
  EXPECT_THAT(
      Events("2,3:0", "Europe/Vienna", "2026-10-24 22:00", "2026-10-25 20:00"),
      ElementsAre("10-25 02:00 +0200", "10-25 03:00 +0100"));
  EXPECT_THAT(
      Events("1:0", "America/New_York", "2026-11-01 04:00", "2026-11-01 20:00"),
      ElementsAre("11-01 01:00 -0400"));
}

TEST(CalendarEventDstTest, UtcDoesNotCare) {
  EXPECT_THAT(Events("2:30 UTC", "Europe/Vienna", "2026-03-28 00:00",
                     "2026-03-30 23:00"),
              ElementsAre("03-28 03:30 +0100", "03-29 04:30 +0200",
                          "03-30 04:30 +0200"));
  EXPECT_THAT(Events("*:0 UTC", "Europe/Vienna", "2026-10-24 23:30",
                     "2026-10-25 02:30"),
              ElementsAre("10-25 02:00 +0200", "10-25 02:00 +0100",
                          "10-25 03:00 +0100"));
}

// Beirut skips midnight, Lord Howe half an hour, Apia skipped a whole day.
TEST(CalendarEventDstTest, OtherGapsAreGapsToo) {
  EXPECT_THAT(
      Events("daily", "Asia/Beirut", "2026-03-27 23:00", "2026-03-30 00:00"),
      ElementsAre("03-29 01:00 +0300", "03-30 00:00 +0300"));
  EXPECT_THAT(Events("2:10", "Australia/Lord_Howe", "2026-10-02 20:00",
                     "2026-10-04 20:00"),
              ElementsAre("10-04 02:30 +1100", "10-05 02:10 +1100"));
  EXPECT_THAT(
      Events("fri 5:0", "Pacific/Apia", "2011-12-29 00:00", "2012-01-06 00:00"),
      ElementsAre("12-31 00:00 +1400", "01-06 05:00 +1400"));
  EXPECT_THAT(Events("2011-12-30 *:0", "Pacific/Apia", "2011-12-01 00:00",
                     "2012-02-01 00:00"),
              ElementsAre())
      << "no hour of that day ever was";
}

// Sao Paulo repeated the last hour of 2018-02-17, so that a day that matches
// comes back after a day that does not.
TEST(CalendarEventDstTest, ADayThatComesBackIsFound) {
  EXPECT_THAT(Events("2018-02-17 *:30", "America/Sao_Paulo", "2018-02-18 00:00",
                     "2018-02-20 00:00"),
              ElementsAre("02-17 22:30 -0200", "02-17 23:30 -0200",
                          "02-17 23:30 -0300"));
}

TEST(CalendarEventDstTest, FarFromNowRulesStillHold) {
  EXPECT_THAT(
      Events("2:30", "Europe/Vienna", "2190-03-27 12:00", "2190-03-29 00:30"),
      ElementsAre("03-28 03:00 +0200", "03-29 02:30 +0200"));
  EXPECT_THAT(Events("2190-10-31 *:0", "Europe/Vienna", "1970-01-01 00:00",
                     "2190-10-31 02:00")
                  .size(),
              5u);
}

}  // namespace
}  // namespace cairn
