// Against a matcher that walks second by second and knows neither sets nor
// zones' transitions: only what the wall shows at each instant.
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/schedule/calendar_event.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/time/time_zone.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

struct Item {
  int first = 0;
  int last = 0;
  int step = 1;
};

// A field as it was made up, and as it is written.
struct Field {
  std::vector<Item> items;
  std::string text;

  bool Matches(int value) const {
    for (const Item& item : items) {
      if (value >= item.first && value <= item.last &&
          (value - item.first) % item.step == 0) {
        return true;
      }
    }
    return false;
  }
};

struct NaiveEvent {
  std::vector<int> weekdays;  // none: all
  Field month, day, hour, minute, second;
  std::string text;

  bool Matches(absl::CivilSecond wall) const {
    const int weekday = static_cast<int>(absl::GetWeekday(wall));
    bool day_matches = weekdays.empty();
    for (const int wanted : weekdays) day_matches |= wanted == weekday;
    return day_matches && month.Matches(wall.month()) &&
           day.Matches(wall.day()) && hour.Matches(wall.hour()) &&
           minute.Matches(wall.minute()) && second.Matches(wall.second());
  }
  bool OfEveryHour() const {
    for (int value = 0; value < 24; ++value) {
      if (!hour.Matches(value)) return false;
    }
    return true;
  }
};

class CalendarEventPropertyTest : public ::testing::Test {
 protected:
  int Draw(int first, int last) {
    return std::uniform_int_distribution<int>(first, last)(random_);
  }

  // `near`: a value that is often among those of the field.
  Field DrawField(int first, int last, int near) {
    Field field;
    const int kind = Draw(0, 5);
    if (kind == 0) {
      field.items = {{first, last, 1}};
      field.text = "*";
      return field;
    }
    if (kind == 1) {
      const int step = Draw(1, last);
      field.items = {{first, last, step}};
      field.text = absl::StrCat("*/", step);
      return field;
    }
    std::vector<std::string> texts;
    for (int n = Draw(1, 3); n > 0; --n) {
      Item item;
      item.first = Draw(0, 1) == 0 ? near : Draw(first, last);
      item.last = item.first;
      std::string text = absl::StrCat(item.first);
      if (Draw(0, 1) == 0) {
        item.last = Draw(item.first, last);
        absl::StrAppend(&text, "..", item.last);
        if (Draw(0, 1) == 0) {
          item.step = Draw(1, last);
          absl::StrAppend(&text, "/", item.step);
        }
      } else if (Draw(0, 2) == 0) {
        item.last = last;
        item.step = Draw(1, last);
        absl::StrAppend(&text, "/", item.step);
      }
      field.items.push_back(item);
      texts.push_back(text);
    }
    field.text = absl::StrJoin(texts, ",");
    return field;
  }

  NaiveEvent DrawEvent(absl::CivilSecond near) {
    static constexpr const char* kDays[] = {"mon", "tue", "wed", "thu",
                                            "fri", "sat", "sun"};
    NaiveEvent event;
    if (Draw(0, 3) == 0) {
      const int first = Draw(0, 6);
      const int count = Draw(1, 6);
      for (int i = 0; i < count; ++i) {
        event.weekdays.push_back((first + i) % 7);
      }
      event.text =
          absl::StrCat(kDays[first], "..", kDays[(first + count - 1) % 7], " ");
    }
    event.month = {{{1, 12, 1}}, "*"};
    event.day = {{{1, 31, 1}}, "*"};
    if (Draw(0, 3) == 0) {
      event.month = DrawField(1, 12, near.month());
      event.day = DrawField(1, 31, near.day());
      absl::StrAppend(&event.text, event.month.text, "-", event.day.text, " ");
    }
    event.hour = DrawField(0, 23, near.hour());
    event.minute = DrawField(0, 59, near.minute());
    event.second = {{{0, 0, 1}}, "0"};
    absl::StrAppend(&event.text, event.hour.text, ":", event.minute.text);
    if (Draw(0, 3) == 0) {
      event.second = DrawField(0, 59, near.second());
      absl::StrAppend(&event.text, ":", event.second.text);
    }
    return event;
  }

  // All instants in (from, until] at which the event fires.
  static std::vector<absl::Time> Walk(const NaiveEvent& event, absl::Time from,
                                      absl::Time until, absl::TimeZone zone) {
    std::vector<absl::Time> fired;
    const bool every_hour = event.OfEveryHour();
    // The latest time that the wall has shown; it starts a day early, so
    // that an hour that has come before is known.
    absl::CivilSecond shown = absl::ToCivilSecond(from - absl::Hours(30), zone);
    for (absl::Time t = from - absl::Hours(30); t <= until;
         t += absl::Seconds(1)) {
      const absl::CivilSecond wall = absl::ToCivilSecond(t, zone);
      bool fires = false;
      if (every_hour) {
        fires = event.Matches(wall);
      } else {
        for (absl::CivilSecond c = shown + 1; c <= wall && !fires; ++c) {
          fires = event.Matches(c);
        }
      }
      if (wall > shown) shown = wall;
      if (fires && t > from) fired.push_back(t);
    }
    return fired;
  }

  std::mt19937_64 random_{TestSeed()};
};

TEST_F(CalendarEventPropertyTest, FindsWhatAWalkFinds) {
  struct Place {
    const char* zone;
    absl::CivilSecond wall;  // around which the events are looked for
  };
  const Place places[] = {
      {"UTC", absl::CivilSecond(2024, 2, 29)},
      {"Europe/Vienna", absl::CivilSecond(2026, 3, 29, 2, 30)},
      {"Europe/Vienna", absl::CivilSecond(2026, 10, 25, 2, 30)},
      {"America/New_York", absl::CivilSecond(2026, 3, 8, 2, 30)},
      {"America/New_York", absl::CivilSecond(2026, 11, 1, 1, 30)},
      {"Australia/Lord_Howe", absl::CivilSecond(2026, 4, 5, 2)},
      {"America/Sao_Paulo", absl::CivilSecond(2018, 2, 17, 23, 30)},
      {"Asia/Beirut", absl::CivilSecond(2026, 3, 29)},
      {"Pacific/Apia", absl::CivilSecond(2011, 12, 30, 12)},
      {"Africa/Casablanca", absl::CivilSecond(2026, 2, 15, 2, 30)},
  };
  size_t fired = 0;
  for (int round = 0; round < 120; ++round) {
    const Place& place = places[static_cast<size_t>(round) % std::size(places)];
    ASSERT_OK_AND_ASSIGN(const absl::TimeZone zone, LoadTimeZone(place.zone));
    const NaiveEvent naive = DrawEvent(place.wall);
    SCOPED_TRACE(absl::StrCat(naive.text, " in ", place.zone));
    ASSERT_OK_AND_ASSIGN(const CalendarEvent event,
                         CalendarEvent::Parse(naive.text));
    const absl::Time from =
        absl::FromCivil(place.wall, zone) - absl::Seconds(Draw(0, 20 * 3600));
    const absl::Time until = from + absl::Hours(36);
    std::vector<absl::Time> found;
    std::optional<absl::Time> next = event.Next(from, zone);
    while (next.has_value() && *next <= until) {
      found.push_back(*next);
      next = event.Next(*next, zone);
    }
    const std::vector<absl::Time> wanted = Walk(naive, from, until, zone);
    ASSERT_EQ(found, wanted);
    fired += wanted.size();
    // From anywhere, not only from one event to the next.
    for (int i = 0; i < 50; ++i) {
      const absl::Time after = from + absl::Milliseconds(Draw(0, 36 * 3600000));
      const auto first = std::upper_bound(wanted.begin(), wanted.end(), after);
      const auto answer = event.Next(after, zone);
      if (first != wanted.end()) {
        ASSERT_EQ(answer, *first) << after;
      } else {
        ASSERT_TRUE(!answer.has_value() || *answer > until) << after;
      }
    }
  }
  EXPECT_GT(fired, 100u) << "the events no longer fire";
}

}  // namespace
}  // namespace cairn
