#include "common/prune/iso_week.h"

#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using Day = absl::CivilDay;

TEST(IsoWeekTest, BelongsToTheYearOfItsThursday) {
  const struct {
    Day day;
    IsoWeek week;
  } kCases[] = {
      {Day(1990, 1, 1), {1990, 1}},    {Day(1999, 12, 31), {1999, 52}},
      {Day(2000, 1, 1), {1999, 52}},   {Day(2004, 2, 29), {2004, 9}},
      {Day(2005, 1, 1), {2004, 53}},   {Day(2008, 12, 29), {2009, 1}},
      {Day(2010, 1, 3), {2009, 53}},   {Day(2012, 12, 31), {2013, 1}},
      {Day(2016, 1, 3), {2015, 53}},   {Day(2016, 1, 4), {2016, 1}},
      {Day(2020, 12, 27), {2020, 52}}, {Day(2020, 12, 28), {2020, 53}},
      {Day(2021, 1, 3), {2020, 53}},   {Day(2021, 1, 4), {2021, 1}},
      {Day(2024, 12, 30), {2025, 1}},  {Day(2100, 12, 31), {2100, 52}},
  };
  for (const auto& [day, week] : kCases) {
    EXPECT_EQ(IsoWeekOf(day), week)
        << day << " is of week " << IsoWeekOf(day).week << " of "
        << IsoWeekOf(day).year;
  }
}

// The sum was made by datetime.date.isocalendar of Python:
//   sum = (sum * 1000003 + year * 100 + week) % 2**64
TEST(IsoWeekTest, IsThatOfPythonOnEveryDayFrom1990To2100) {
  uint64_t sum = 0;
  int64_t days = 0;
  for (Day day(1990, 1, 1); day.year() <= 2100; ++day) {
    const IsoWeek week = IsoWeekOf(day);
    sum = sum * 1000003 + static_cast<uint64_t>(week.year) * 100 +
          static_cast<uint64_t>(week.week);
    ++days;
  }
  EXPECT_EQ(days, 40542);
  EXPECT_EQ(sum, uint64_t{0xfbffd646201488ce});
}

TEST(IsoWeekTest, SomeYearsHaveFiftyThree) {
  std::vector<int> years;
  for (int year = 1990; year <= 2040; ++year) {
    if (IsoWeekOf(Day(year, 12, 28)).week == 53) years.push_back(year);
  }
  EXPECT_THAT(
      years, ElementsAre(1992, 1998, 2004, 2009, 2015, 2020, 2026, 2032, 2037));
}

TEST(IsoWeekTest, BeginsOnMonday) {
  for (Day day(2019, 12, 1); day.year() <= 2021; ++day) {
    const Day monday = MondayOf(day);
    EXPECT_EQ(absl::GetWeekday(monday), absl::Weekday::monday);
    EXPECT_LE(monday, day);
    EXPECT_LT(day - monday, 7);
  }
}

}  // namespace
}  // namespace cairn
