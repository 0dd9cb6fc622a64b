#include "common/prune/calendar_span.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Second = absl::CivilSecond;

TEST(CalendarSpanTest, ReadsWhatResticWrites) {
  EXPECT_THAT(CalendarSpan::Parse("1y5m7d2h"),
              IsOkAndHolds(CalendarSpan{
                  .years = 1, .months = 5, .days = 7, .hours = 2}));
  EXPECT_THAT(CalendarSpan::Parse("2w"),
              IsOkAndHolds(CalendarSpan{.weeks = 2}));
  EXPECT_THAT(CalendarSpan::Parse("36h1d"),
              IsOkAndHolds(CalendarSpan{.days = 1, .hours = 36}));
  EXPECT_THAT(CalendarSpan::Parse("999999d"),
              IsOkAndHolds(CalendarSpan{.days = 999'999}));
  EXPECT_THAT(CalendarSpan::Parse("0d"), IsOkAndHolds(CalendarSpan{}));
}

TEST(CalendarSpanTest, SaysWhatIsWrong) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", "\"\": is empty"},
      {"7", "\"7\": there is no unit behind 7"},
      {"1y5", "there is no unit behind 5"},
      {"d", "there is no number at \"d\""},
      {"-7d", "there is no number at \"-7d\""},
      {" 7d", "there is no number at \" 7d\""},
      {"7d ", "there is no number at \" \""},
      {"7 d", "\" \" is no unit"},
      {"7D", "\"D\" is no unit"},
      {"7s", "\"s\" is no unit"},
      {"1.5d", "\".\" is no unit"},
      {"7d1y7d", "\"7d1y7d\": d is there twice"},
      {"1000000d", "\"1000000\" is above 999999"},
      {"99999999999999999999d", "is above 999999"},
      {"7\xff", "\"\\xff\" is no unit"},
  };
  for (const auto& [text, error] : kCases) {
    EXPECT_THAT(
        CalendarSpan::Parse(text),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 AllOf(HasSubstr(error), HasSubstr("such as 1y6m, 7d"))));
  }
}

TEST(CalendarSpanTest, IsWrittenAsItIsRead) {
  for (const std::string text : {"1y2m3w4d5h", "7d", "1y6m", "36h", "0h"}) {
    ASSERT_OK_AND_ASSIGN(const CalendarSpan span, CalendarSpan::Parse(text));
    EXPECT_EQ(span.ToString(), text);
  }
  EXPECT_EQ((CalendarSpan{.days = 0}).ToString(), "0h");
}

std::string Before(const std::string& span, Second time) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::Time before =
      CalendarSpan::Parse(span).value().Before(absl::FromCivil(time, utc), utc);
  return absl::FormatTime("%FT%T", before, utc);
}

// Each as Go's time.AddDate, by which restic counts.
TEST(CalendarSpanTest, GoesBackAsResticDoes) {
  EXPECT_EQ(Before("7d", Second(2020, 3, 3, 4, 5, 6)), "2020-02-25T04:05:06");
  EXPECT_EQ(Before("2w", Second(2020, 3, 3, 4, 5, 6)), "2020-02-18T04:05:06");
  EXPECT_EQ(Before("1m", Second(2021, 3, 31, 0, 0, 0)), "2021-03-03T00:00:00");
  EXPECT_EQ(Before("1m1d", Second(2021, 3, 31, 0, 0, 0)),
            "2021-03-02T00:00:00");
  EXPECT_EQ(Before("1y", Second(2020, 2, 29, 0, 0, 0)), "2019-03-01T00:00:00");
  EXPECT_EQ(Before("13m", Second(2020, 1, 15, 0, 0, 0)), "2018-12-15T00:00:00");
  EXPECT_EQ(Before("1y2m3d4h", Second(2020, 1, 1, 1, 0, 0)),
            "2018-10-28T21:00:00");
  EXPECT_EQ(Before("0h", Second(2020, 1, 1, 1, 0, 0)), "2020-01-01T01:00:00");
}

TEST(CalendarSpanTest, TheLongestSpanIsNoTrouble) {
  ASSERT_OK_AND_ASSIGN(
      const CalendarSpan span,
      CalendarSpan::Parse("999999y999999m999999w999999d999999h"));
  EXPECT_LT(span.Before(absl::UnixEpoch(), absl::UTCTimeZone()),
            absl::UnixEpoch());
}

TEST(CalendarSpanTest, LocalTimesThatAreThereTwiceOrNever) {
  absl::TimeZone vienna;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Vienna", &vienna));
  const auto before = [&](Second time) {
    return absl::FormatTime(
        "%FT%TZ",
        CalendarSpan{.days = 1}.Before(absl::FromCivil(time, vienna), vienna),
        absl::UTCTimeZone());
  };
  // 02:30 of 25 October 2020 came at 00:30 and at 01:30 UTC.
  EXPECT_EQ(before(Second(2020, 10, 26, 2, 30, 0)), "2020-10-25T00:30:00Z");
  // 02:30 of 29 March 2020 did not come: the clocks changed at 01:00 UTC.
  EXPECT_EQ(before(Second(2020, 3, 30, 2, 30, 0)), "2020-03-29T01:00:00Z");
}

}  // namespace
}  // namespace cairn
