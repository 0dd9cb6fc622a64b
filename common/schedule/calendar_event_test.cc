#include "common/schedule/calendar_event.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::TimeZone kUtc = absl::UTCTimeZone();

absl::Time At(std::string_view text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%S", text, kUtc, &time, &error))
      << text << ": " << error;
  return time;
}

// The next `count` events after `after`, in UTC.
std::vector<std::string> Next(std::string_view event, std::string_view after,
                              int count) {
  std::vector<std::string> times;
  const auto parsed = CalendarEvent::Parse(event);
  EXPECT_OK(parsed);
  if (!parsed.ok()) return times;
  std::optional<absl::Time> time = At(after);
  for (int i = 0; i < count; ++i) {
    time = parsed->Next(*time, kUtc);
    if (!time.has_value()) {
      times.push_back("never");
      break;
    }
    times.push_back(absl::FormatTime("%Y-%m-%d %H:%M:%S", *time, kUtc));
  }
  return times;
}

std::string Normal(std::string_view event) {
  const auto parsed = CalendarEvent::Parse(event);
  EXPECT_OK(parsed);
  return parsed.ok() ? parsed->ToString() : "";
}

// --- the examples of Proxmox's documentation. 2021-02-01 is a Monday. ---

TEST(CalendarEventTest, QuartersOfWorkingHoursOnWorkdays) {
  EXPECT_THAT(Next("mon..fri 8..17,22:0/15", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-02-01 08:00:00", "2021-02-01 08:15:00"));
  EXPECT_THAT(Next("mon..fri 8..17,22:0/15", "2021-02-01 17:30:00", 6),
              ElementsAre("2021-02-01 17:45:00", "2021-02-01 22:00:00",
                          "2021-02-01 22:15:00", "2021-02-01 22:30:00",
                          "2021-02-01 22:45:00", "2021-02-02 08:00:00"));
  EXPECT_THAT(Next("mon..fri 8..17,22:0/15", "2021-02-05 22:45:00", 1),
              ElementsAre("2021-02-08 08:00:00"))
      << "over the weekend";
}

TEST(CalendarEventTest, FifthOfEachMonth) {
  EXPECT_THAT(Next("*-05", "2021-02-01 12:00:00", 3),
              ElementsAre("2021-02-05 00:00:00", "2021-03-05 00:00:00",
                          "2021-04-05 00:00:00"));
}

TEST(CalendarEventTest, FirstSaturdayOfAMonth) {
  EXPECT_THAT(Next("sat *-1..7 15:00", "2021-02-01 00:00:00", 3),
              ElementsAre("2021-02-06 15:00:00", "2021-03-06 15:00:00",
                          "2021-04-03 15:00:00"));
}

TEST(CalendarEventTest, StepsOfHours) {
  EXPECT_THAT(Next("12/2:5", "2021-02-01 12:05:00", 6),
              ElementsAre("2021-02-01 14:05:00", "2021-02-01 16:05:00",
                          "2021-02-01 18:05:00", "2021-02-01 20:05:00",
                          "2021-02-01 22:05:00", "2021-02-02 12:05:00"));
  EXPECT_THAT(Next("5/2:0", "2021-02-01 00:00:00", 3),
              ElementsAre("2021-02-01 05:00:00", "2021-02-01 07:00:00",
                          "2021-02-01 09:00:00"));
  EXPECT_THAT(Next("4..10/2:0", "2021-02-01 00:00:00", 5),
              ElementsAre("2021-02-01 04:00:00", "2021-02-01 06:00:00",
                          "2021-02-01 08:00:00", "2021-02-01 10:00:00",
                          "2021-02-02 04:00:00"));
}

TEST(CalendarEventTest, LeapDay) {
  EXPECT_THAT(Next("02-29", "2021-02-01 00:00:00", 2),
              ElementsAre("2024-02-29 00:00:00", "2028-02-29 00:00:00"));
  EXPECT_THAT(Next("02-29", "2096-02-29 00:00:00", 1),
              ElementsAre("2104-02-29 00:00:00"))
      << "2100 is no leap year";
  EXPECT_THAT(Next("02-29", "1999-01-01 00:00:00", 1),
              ElementsAre("2000-02-29 00:00:00"));
  EXPECT_THAT(Next("mon 02-29", "2024-03-01 00:00:00", 2),
              ElementsAre("2044-02-29 00:00:00", "2072-02-29 00:00:00"));
}

TEST(CalendarEventTest, WeekdayWithTime) {
  EXPECT_THAT(Next("sat 02:00", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-02-06 02:00:00", "2021-02-13 02:00:00"));
}

TEST(CalendarEventTest, TwiceAMonth) {
  EXPECT_THAT(Next("*-*-1,15 03:30", "2021-02-01 03:30:00", 3),
              ElementsAre("2021-02-15 03:30:00", "2021-03-01 03:30:00",
                          "2021-03-15 03:30:00"));
}

TEST(CalendarEventTest, StepsOfMinutesInEveryHour) {
  EXPECT_THAT(Next("mon..wed *:30/10", "2021-02-03 22:45:00", 5),
              ElementsAre("2021-02-03 22:50:00", "2021-02-03 23:30:00",
                          "2021-02-03 23:40:00", "2021-02-03 23:50:00",
                          "2021-02-08 00:30:00"));
}

TEST(CalendarEventTest, StepsOfMinutesInARangeOfHours) {
  EXPECT_THAT(Next("fri 12..13:5/20", "2021-02-01 00:00:00", 7),
              ElementsAre("2021-02-05 12:05:00", "2021-02-05 12:25:00",
                          "2021-02-05 12:45:00", "2021-02-05 13:05:00",
                          "2021-02-05 13:25:00", "2021-02-05 13:45:00",
                          "2021-02-12 12:05:00"));
}

TEST(CalendarEventTest, OneInstantFiresOnce) {
  EXPECT_THAT(Next("2021-10-31 02:30 UTC", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-10-31 02:30:00", "never"));
  EXPECT_THAT(Next("2021-10-31 02:30 UTC", "2021-10-31 02:29:59", 1),
              ElementsAre("2021-10-31 02:30:00"));
}

TEST(CalendarEventTest, DaysThatAreNotNeverCome) {
  EXPECT_THAT(Next("02-30", "2021-02-01 00:00:00", 1), ElementsAre("never"));
  EXPECT_THAT(Next("2021-02-29", "1990-01-01 00:00:00", 1),
              ElementsAre("never"));
  EXPECT_THAT(Next("2,4,6,9,11-31 *:*:*", "2021-02-01 00:00:00", 1),
              ElementsAre("never"));
  EXPECT_THAT(Next("sun 2021-02-01", "2021-01-01 00:00:00", 1),
              ElementsAre("never"))
      << "that day is a Monday";
  EXPECT_THAT(Next("*-1..3", "2199-12-04 00:00:00", 1), ElementsAre("never"));
  EXPECT_THAT(Next("*:*:*", "2199-12-31 23:59:58", 2),
              ElementsAre("2199-12-31 23:59:59", "never"));
}

// --- the grammar ---

TEST(CalendarEventTest, ANumberAloneIsTheMinute) {
  EXPECT_THAT(Next("0", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-02-01 01:00:00", "2021-02-01 02:00:00"));
  EXPECT_THAT(Next("*", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-02-01 00:01:00", "2021-02-01 00:02:00"));
  EXPECT_EQ(Normal("sat 5/20"), "sat *-*-* *:05/20:00");
}

TEST(CalendarEventTest, SecondsCount) {
  EXPECT_THAT(Next("*:*:*", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-02-01 00:00:01", "2021-02-01 00:00:02"));
  EXPECT_THAT(Next("*:3:5", "2021-02-01 00:03:05", 1),
              ElementsAre("2021-02-01 01:03:05"));
  EXPECT_THAT(Next("23:59:50/5", "2021-02-01 23:59:50", 2),
              ElementsAre("2021-02-01 23:59:55", "2021-02-02 23:59:50"));
}

TEST(CalendarEventTest, OrderInListsDoesNotMatter) {
  EXPECT_THAT(Next("10,5:8,4", "2021-02-01 00:00:00", 4),
              ElementsAre("2021-02-01 05:04:00", "2021-02-01 05:08:00",
                          "2021-02-01 10:04:00", "2021-02-01 10:08:00"));
  EXPECT_THAT(Next("6,4..10:23,5/5", "2021-02-01 00:00:00", 1),
              ElementsAre("2021-02-01 04:05:00"));
}

TEST(CalendarEventTest, YearsMonthsAndDaysHaveRangesAndSteps) {
  EXPECT_THAT(
      Next("2020,2022-12-31", "2020-07-31 00:00:00", 3),
      ElementsAre("2020-12-31 00:00:00", "2022-12-31 00:00:00", "never"));
  EXPECT_THAT(Next("2020-7..9-2/2", "2020-07-31 00:00:00", 2),
              ElementsAre("2020-08-02 00:00:00", "2020-08-04 00:00:00"));
  EXPECT_THAT(Next("1965/5-01-01", "1969-12-31 23:59:59", 2),
              ElementsAre("1970-01-01 00:00:00", "1975-01-01 00:00:00"));
  EXPECT_THAT(Next("*/4-2-29", "2021-01-01 00:00:00", 1),
              ElementsAre("2024-02-29 00:00:00"))
      << "*/n are the years that n divides";
  EXPECT_THAT(Next("*-*/3-*/10", "2021-01-31 00:00:00", 4),
              ElementsAre("2021-04-01 00:00:00", "2021-04-11 00:00:00",
                          "2021-04-21 00:00:00", "2021-07-01 00:00:00"))
      << "they count from 1; April has no 31st";
}

TEST(CalendarEventTest, WeekdayRangesWrap) {
  EXPECT_THAT(Next("fri..mon", "2021-02-01 00:00:00", 5),
              ElementsAre("2021-02-05 00:00:00", "2021-02-06 00:00:00",
                          "2021-02-07 00:00:00", "2021-02-08 00:00:00",
                          "2021-02-12 00:00:00"));
  EXPECT_EQ(Normal("fri..mon"), "mon,fri..sun *-*-* 00:00:00");
  EXPECT_EQ(Normal("sun..sun"), "sun *-*-* 00:00:00");
  EXPECT_EQ(Normal("tue..mon"), "*-*-* 00:00:00") << "that is every day";
}

TEST(CalendarEventTest, WeekdaysHaveShortAndLongNamesInAnyCase) {
  for (const char* text : {"mon", "MON", "monDay", "monday"}) {
    EXPECT_EQ(Normal(text), "mon *-*-* 00:00:00") << text;
  }
  const std::pair<const char*, const char*> days[] = {
      {"tue", "tuesday"}, {"wed", "wednesday"}, {"thu", "thursday"},
      {"fri", "friday"},  {"sat", "saturday"},  {"sun", "sunday"}};
  for (const auto& [name, long_name] : days) {
    EXPECT_EQ(Normal(name), Normal(long_name));
    EXPECT_EQ(Normal(name), absl::StrCat(name, " *-*-* 00:00:00"));
  }
  EXPECT_EQ(Normal("mon,tue..wednesday,fri..sat"),
            "mon..wed,fri,sat *-*-* 00:00:00");
}

TEST(CalendarEventTest, KeywordsStandForEvents) {
  const std::pair<const char*, const char*> keywords[] = {
      {"minutely", "*-*-* *:*:00"},
      {"hourly", "*-*-* *:00:00"},
      {"daily", "*-*-* 00:00:00"},
      {"weekly", "mon *-*-* 00:00:00"},
      {"monthly", "*-*-01 00:00:00"},
      {"quarterly", "*-01/3-01 00:00:00"},
      {"semiannually", "*-01,07-01 00:00:00"},
      {"semi-annually", "*-01,07-01 00:00:00"},
      {"yearly", "*-01-01 00:00:00"},
      {"annually", "*-01-01 00:00:00"},
      {"Daily", "*-*-* 00:00:00"},
      {"daily UTC", "*-*-* 00:00:00 UTC"},
  };
  for (const auto& [keyword, normal] : keywords) {
    EXPECT_EQ(Normal(keyword), normal) << keyword;
  }
  EXPECT_THAT(Next("weekly", "2021-02-01 00:00:00", 1),
              ElementsAre("2021-02-08 00:00:00"));
  EXPECT_THAT(Next("quarterly", "2021-02-01 00:00:00", 4),
              ElementsAre("2021-04-01 00:00:00", "2021-07-01 00:00:00",
                          "2021-10-01 00:00:00", "2022-01-01 00:00:00"));
  EXPECT_THAT(Next("semiannually", "2021-02-01 00:00:00", 2),
              ElementsAre("2021-07-01 00:00:00", "2022-01-01 00:00:00"));
  EXPECT_THAT(Next("yearly", "2021-02-01 00:00:00", 1),
              ElementsAre("2022-01-01 00:00:00"));
}

TEST(CalendarEventTest, ToStringIsReadAsTheSameEvent) {
  const std::pair<const char*, const char*> texts[] = {
      {"mon..fri 8..17,22:0/15", "mon..fri *-*-* 08..17,22:00/15:00"},
      {"sat *-1..7 15:00", "sat *-*-01..07 15:00:00"},
      {"*-*-1,15 03:30", "*-*-01,15 03:30:00"},
      {"4..10/2:0", "*-*-* 04..10/2:00:00"},
      {"  \t2021-10-31   02:30  utc ", "2021-10-31 02:30:00 UTC"},
      {"1,2,4:0,59", "*-*-* 01,02,04:00,59:00"},
      {"2020/2-1-1", "2020/2-01-01 00:00:00"},
      {"*/3-1-1", "1902/3-01-01 00:00:00"},
  };
  for (const auto& [text, normal] : texts) {
    EXPECT_EQ(Normal(text), normal) << text;
    EXPECT_EQ(Normal(normal), normal) << text;
  }
}

TEST(CalendarEventTest, EventsThatMeanTheSameAreEqual) {
  EXPECT_EQ(*CalendarEvent::Parse("hourly"), *CalendarEvent::Parse("0"));
  EXPECT_EQ(*CalendarEvent::Parse("sat,sun"),
            *CalendarEvent::Parse("sat..sun"));
  EXPECT_FALSE(*CalendarEvent::Parse("daily") ==
               *CalendarEvent::Parse("daily UTC"));
}

TEST(CalendarEventTest, ErrorsSayWhereAndWhatIsAllowed) {
  struct Case {
    const char* text;
    const char* column;
    const char* why;
  };
  const Case cases[] = {
      {"", "column 1", "there is no event"},
      {"   ", "column 4", "there is no event"},
      {"UTC", "column 4", "there is no event"},
      {"24:00", "column 1", "hour is \"24\", 0..23 are allowed"},
      {"mon 8:60", "column 7", "minute is \"60\", 0..59 are allowed"},
      {"8:0:60", "column 5", "second is \"60\", 0..59 are allowed"},
      {"*-0", "column 3", "day of the month is \"0\", 1..31 are allowed"},
      {"*-32", "column 3", "1..31"},
      {"13-1", "column 1", "month is \"13\", 1..12 are allowed"},
      {"2200-1-1", "column 1", "year is \"2200\", 1900..2199 are allowed"},
      {"21-10-31", "column 1", "year is \"21\""},
      {"10..8:0", "column 5", "ends at 8, before its start 10"},
      {"*:0/0", "column 5", "step of minute is \"0\", 1..59 are allowed"},
      {"*:*/60", "column 5", "step of minute is \"60\""},
      {"*:0/", "column 5", "step of minute is \"\""},
      {"*,5:0", "column 2", "only a step /n is allowed"},
      {"1,,2:0", "column 3", "hour is \"\""},
      {"1..:0", "column 4", "hour is \"\""},
      {"..5:0", "column 1", "hour is \"\""},
      {"0/5..9:0", "column 3", "step of hour is \"5..9\""},
      {"-5:0", "column 1", "month is \"\""},
      {"+5", "column 1", "minute is \"+5\""},
      {"99999999999999999999", "column 1", "minute is"},
      {"1:2:3:4", "column 6", "hour:minute:second are allowed"},
      {"1-2-3-4", "column 6", "year-month-day are allowed"},
      {"moon", "column 1", "\"moon\" is no weekday; mon..sun"},
      {"mon,", "column 5", "\"\" is no weekday"},
      {"mon..", "column 6", "\"\" is no weekday"},
      {"mon-fri", "column 1", "no weekday"},
      {"tues 1:0", "column 1", "no weekday"},
      {"daily 5:0", "column 7", "only UTC is allowed after daily"},
      {"mon tue", "column 5", "minute is \"tue\""},
      {"8:0 mon", "column 5", "\"mon\" is too much; [weekdays]"},
      {"8:0 *-1", "column 5", "in this order"},
      {"UTC 8:0", "column 1", "no weekday"},
      {"2021-01-01T02:30", "column 9", "day of the month is \"01T02:30\""},
      {"*-*~3", "column 4", "after * as day of the month"},
      {"8:0 Europe/Vienna", "column 5", "too much"},
      {"8:0:0.5", "column 5", "second is \"0.5\""},
      {"\xff\x01", "column 1", "minute is \"\\xff\\x01\""},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(CalendarEvent::Parse(c.text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(absl::StrCat(c.column, ": ")),
                               HasSubstr(c.why))))
        << c.text;
  }
  EXPECT_THAT(CalendarEvent::Parse(std::string(257, '1')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("257 bytes long, at most 256")));
}

TEST(CalendarEventTest, NextIsStrictlyAfterAndOnAWholeSecond) {
  const CalendarEvent event = *CalendarEvent::Parse("*:*:*");
  const absl::Time second = At("2021-02-01 00:00:00");
  EXPECT_EQ(event.Next(second, kUtc), second + absl::Seconds(1));
  EXPECT_EQ(event.Next(second + absl::Nanoseconds(1), kUtc),
            second + absl::Seconds(1));
  EXPECT_EQ(event.Next(second - absl::Nanoseconds(1), kUtc), second);
  const CalendarEvent daily = *CalendarEvent::Parse("daily");
  EXPECT_EQ(daily.Next(second, kUtc), second + absl::Hours(24));
  EXPECT_EQ(daily.Next(second - absl::Nanoseconds(1), kUtc), second);
}

TEST(CalendarEventTest, AnyTimeMayBeAskedFor) {
  for (const char* text : {"daily", "*:0", "2000-1-1"}) {
    const CalendarEvent event = *CalendarEvent::Parse(text);
    EXPECT_EQ(event.Next(absl::InfiniteFuture(), kUtc), std::nullopt);
    EXPECT_EQ(event.Next(At("9999-01-01 00:00:00"), kUtc), std::nullopt);
    const auto first = event.Next(absl::InfinitePast(), kUtc);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first, event.Next(At("1800-01-01 00:00:00"), kUtc));
  }
}

TEST(CalendarEventTest, RandomTextsNeverCrashAndGoodOnesHaveANormalForm) {
  std::mt19937_64 random(TestSeed());
  // Weighted towards what the grammar has, so that some are good.
  const std::string_view pieces[] = {
      "mon",   "sunday", "..", ",",    "/", "*",  "-",       ":",
      " ",     "UTC",    "0",  "1",    "5", "12", "59",      "2021",
      "daily", "2199",   "31", "\xc3", "",  "24", "mon..fri"};
  int good = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) {
      if (random() % 50 == 0) {
        text.push_back(static_cast<char>(random()));
      } else {
        absl::StrAppend(&text, pieces[random() % std::size(pieces)]);
      }
    }
    const auto event = CalendarEvent::Parse(text);
    if (!event.ok()) {
      ASSERT_EQ(event.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++good;
    const std::string normal = event->ToString();
    ASSERT_EQ(Normal(normal), normal) << text;
    ASSERT_EQ(*CalendarEvent::Parse(normal), *event) << text;
    const absl::Time now = At("2021-02-01 00:00:00");
    const auto next = event->Next(now, kUtc);
    ASSERT_TRUE(!next.has_value() || *next > now) << text;
  }
  EXPECT_GT(good, 100) << "the pieces no longer make events";
}

}  // namespace
}  // namespace cairn
