#include "common/prune/prune_selection.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/model/names.h"
#include "common/testing/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

struct Case {
  std::string name;
  PruneOptions options;
  std::string zone = "UTC";
  std::vector<PruneSnapshot> snapshots;
  std::vector<std::string> expected;  // "ACTION: REASON"
};

bool Consume(std::string_view* text, std::string_view prefix) {
  if (!absl::StartsWith(*text, prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

void TakeOption(std::string_view option, Case* taken) {
  const std::pair<std::string_view, uint32_t PruneOptions::*> kCounts[] = {
      {"--keep-last=", &PruneOptions::keep_last},
      {"--keep-hourly=", &PruneOptions::keep_hourly},
      {"--keep-daily=", &PruneOptions::keep_daily},
      {"--keep-weekly=", &PruneOptions::keep_weekly},
      {"--keep-monthly=", &PruneOptions::keep_monthly},
      {"--keep-yearly=", &PruneOptions::keep_yearly}};
  for (const auto& [name, count] : kCounts) {
    if (!absl::StartsWith(option, name)) continue;
    ASSERT_TRUE(
        absl::SimpleAtoi(option.substr(name.size()), &(taken->options.*count)));
    return;
  }
  if (Consume(&option, "--keep-within=")) {
    taken->options.keep_within = CalendarSpan::Parse(option).value();
    return;
  }
  ASSERT_TRUE(Consume(&option, "--timezone=")) << option;
  taken->zone = std::string(option);
}

// The form is in the head of the file.
std::vector<Case> ReadCases() {
  std::ifstream file("common/prune/testdata/selections.txt");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<Case> cases;
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    if (Consume(&line, "== ")) {
      cases.push_back({.name = std::string(line)});
    } else if (Consume(&line, "cairn prune simulate")) {
      for (const std::string_view option :
           absl::StrSplit(line, ' ', absl::SkipEmpty())) {
        TakeOption(option, &cases.back());
      }
    } else {
      const std::vector<std::string> words =
          absl::StrSplit(line, absl::MaxSplits(' ', 2));
      cases.back().snapshots.push_back(
          {.time = ParseSnapshotTime(words.at(0)).value(),
           .is_protected = absl::StrContains(words.at(1), 'P'),
           .finished = !absl::StrContains(words.at(1), 'U')});
      cases.back().expected.push_back(words.at(2));
    }
  }
  return cases;
}

std::vector<std::string> Select(const std::vector<PruneSnapshot>& snapshots,
                                const PruneOptions& options,
                                const std::string& zone) {
  std::vector<std::string> texts;
  for (const PruneDecision& decision :
       SelectSnapshots(snapshots, options, Zone(zone))) {
    texts.push_back(
        absl::StrCat(PruneActionName(decision.action), ": ", decision.reason));
  }
  return texts;
}

TEST(PruneSelectionTest, SelectsWhatTheTableSays) {
  const std::vector<Case> cases = ReadCases();
  ASSERT_GE(cases.size(), 60u);
  for (const Case& c : cases) {
    const std::vector<std::string> found =
        Select(c.snapshots, c.options, c.zone);
    ASSERT_EQ(found.size(), c.expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i], c.expected[i])
          << c.name << ", " << FormatSnapshotTime(c.snapshots[i].time);
    }
  }
}

std::vector<PruneSnapshot> At(const std::vector<std::string>& times) {
  std::vector<PruneSnapshot> snapshots;
  for (const std::string& time : times) {
    snapshots.push_back({.time = ParseSnapshotTime(time).value()});
  }
  return snapshots;
}

TEST(PruneSelectionTest, NothingOfNothing) {
  EXPECT_TRUE(Select({}, {.keep_last = 1}, "UTC").empty());
  EXPECT_TRUE(Select({}, {.keep_within = {.days = 1}}, "UTC").empty());
}

// Newfoundland set its clocks back at 00:01, to 23:01 of the day before: the
// days are, from the newest on, 7, 6, 7 and 6 November.
TEST(PruneSelectionTest, ADayMayComeTwice) {
  const auto snapshots = At({"2010-11-07T02:00:00Z", "2010-11-07T02:30:30Z",
                             "2010-11-07T02:32:00Z", "2010-11-07T03:35:00Z"});
  EXPECT_THAT(
      Select(snapshots, {.keep_daily = 2}, "America/St_Johns"),
      ElementsAre("remove: daily 2010-11-06 is kept by 2010-11-07T02:32:00Z",
                  "remove: daily 2010-11-07 is kept by 2010-11-07T03:35:00Z",
                  "keep: daily 2010-11-06", "keep: daily 2010-11-07"));
  // The rule ends at the second day, before it sees the first one again.
  EXPECT_THAT(
      Select(snapshots, {.keep_daily = 1}, "America/St_Johns"),
      ElementsAre("remove: no rule keeps it", "remove: no rule keeps it",
                  "remove: no rule keeps it", "keep: daily 2010-11-07"));
}

TEST(PruneSelectionTest, OneSecondIsOnePeriod) {
  const auto snapshots = At(
      {"2020-11-29T00:00:00Z", "2020-11-30T00:00:00Z", "2020-11-30T00:00:00Z"});
  const std::vector<std::string> found =
      Select(snapshots, {.keep_last = 2}, "UTC");
  EXPECT_EQ(found[0], "keep: last");
  EXPECT_NE(found[1] == "keep: last", found[2] == "keep: last");
}

TEST(PruneSelectionTest, HugeCountsKeepAll) {
  EXPECT_THAT(Select(At({"2020-11-29T00:00:00Z", "2020-11-30T00:00:00Z"}),
                     {.keep_daily = UINT32_MAX}, "UTC"),
              ElementsAre("keep: daily 2020-11-29", "keep: daily 2020-11-30"));
}

TEST(PruneSelectionTest, FirstAndLastTimesThereAre) {
  EXPECT_THAT(Select({{.time = 1}, {.time = kMaxSnapshotTime}},
                     {.keep_weekly = 2}, "Pacific/Kiritimati"),
              ElementsAre("keep: weekly 1970-W01", "keep: weekly 9999-W52"));
}

// Groups and rules at random. All that is said of them holds for any group.
class RandomSelectionTest : public ::testing::Test {
 protected:
  void Draw() {
    // From a dense group to a sparse one.
    const int64_t span = int64_t{60} << (random_() % 24);
    std::set<int64_t> times;
    const size_t count = random_() % 60;
    for (size_t i = 0; i < count; ++i) {
      times.insert(1'585'000'000 + static_cast<int64_t>(random_() % span));
    }
    snapshots_.clear();
    const uint64_t marked = random_() % 3;
    for (const int64_t time : times) {
      snapshots_.push_back({.time = time,
                            .is_protected = marked > 0 && random_() % 8 == 0,
                            .finished = marked < 2 || random_() % 8 > 0});
    }
    options_ = {};
    for (uint32_t* keep : {&options_.keep_last, &options_.keep_hourly,
                           &options_.keep_daily, &options_.keep_weekly,
                           &options_.keep_monthly, &options_.keep_yearly}) {
      if (random_() % 2 == 0) *keep = random_() % 5;
    }
    if (random_() % 3 == 0) options_.keep_within.days = random_() % 40;
    const char* const kZones[] = {"UTC", "Europe/Vienna", "Asia/Kolkata",
                                  "America/New_York"};
    zone_ = Zone(kZones[random_() % std::size(kZones)]);
  }

  std::vector<PruneDecision> Selected(
      const std::vector<PruneSnapshot>& snapshots) const {
    return SelectSnapshots(snapshots, options_, zone_);
  }
  // Those that stay.
  std::vector<PruneSnapshot> Kept(
      const std::vector<PruneSnapshot>& snapshots) const {
    const std::vector<PruneDecision> decisions = Selected(snapshots);
    std::vector<PruneSnapshot> kept;
    for (size_t i = 0; i < snapshots.size(); ++i) {
      if (decisions[i].action == PruneAction::kRemove) continue;
      kept.push_back(snapshots[i]);
    }
    return kept;
  }

  static constexpr int kRounds = 3000;
  std::mt19937_64 random_{TestSeed()};
  std::vector<PruneSnapshot> snapshots_;  // oldest first
  PruneOptions options_;
  absl::TimeZone zone_;
};

TEST_F(RandomSelectionTest, TheOrderOfTheArgumentsHasNoSay) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    const std::vector<PruneDecision> decisions = Selected(snapshots_);
    std::vector<size_t> order(snapshots_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<PruneSnapshot> shuffled;
    for (const size_t i : order) shuffled.push_back(snapshots_[i]);
    const std::vector<PruneDecision> again = Selected(shuffled);
    for (size_t i = 0; i < order.size(); ++i) {
      ASSERT_EQ(again[i], decisions[order[i]]) << again[i].reason;
    }
  }
}

TEST_F(RandomSelectionTest, MarksStandForWhatTheySay) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    const std::vector<PruneDecision> decisions = Selected(snapshots_);
    for (size_t i = 0; i < snapshots_.size(); ++i) {
      const PruneAction action = decisions[i].action;
      EXPECT_EQ(action == PruneAction::kProtected, snapshots_[i].is_protected);
      if (action == PruneAction::kKeepPartial) {
        EXPECT_EQ(i + 1, snapshots_.size());
        EXPECT_FALSE(snapshots_[i].finished);
      }
      if (!options_.KeepsAnything()) {
        EXPECT_NE(action, PruneAction::kRemove);
      } else if (action == PruneAction::kKeep) {
        EXPECT_TRUE(snapshots_[i].finished);
      }
    }
  }
}

TEST_F(RandomSelectionTest, TheNewestThatRulesMayCountIsKept) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    // Within may reach no further than a protected one that is newer.
    options_.keep_within = {};
    const std::vector<PruneDecision> decisions = Selected(snapshots_);
    for (size_t i = snapshots_.size(); i-- > 0;) {
      if (snapshots_[i].is_protected || !snapshots_[i].finished) continue;
      EXPECT_EQ(decisions[i].action, PruneAction::kKeep);
      break;
    }
  }
}

TEST_F(RandomSelectionTest, LastKeepsSoManyAndTheNewest) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    options_ = {.keep_last = static_cast<uint32_t>(1 + random_() % 20)};
    const std::vector<PruneDecision> decisions = Selected(snapshots_);
    uint32_t left = options_.keep_last;
    for (size_t i = snapshots_.size(); i-- > 0;) {
      if (snapshots_[i].is_protected || !snapshots_[i].finished) continue;
      EXPECT_EQ(decisions[i].action == PruneAction::kKeep, left > 0);
      if (left > 0) --left;
    }
  }
}

TEST_F(RandomSelectionTest, NoRuleKeepsMoreThanItsNumber) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    std::map<std::string, uint32_t> kept;
    std::set<std::string> periods;
    for (const PruneDecision& decision : Selected(snapshots_)) {
      if (decision.action != PruneAction::kKeep) continue;
      const std::string rule =
          decision.reason.substr(0, decision.reason.find(' '));
      ++kept[rule];
      if (rule != "last" && rule != "within" && rule != "no") {
        EXPECT_TRUE(periods.insert(decision.reason).second) << decision.reason;
      }
    }
    EXPECT_LE(kept["last"], options_.keep_last);
    EXPECT_LE(kept["hourly"], options_.keep_hourly);
    EXPECT_LE(kept["daily"], options_.keep_daily);
    EXPECT_LE(kept["weekly"], options_.keep_weekly);
    EXPECT_LE(kept["monthly"], options_.keep_monthly);
    EXPECT_LE(kept["yearly"], options_.keep_yearly);
  }
}

// By the C library's idea of a period, so that ISO weeks are held to it too.
TEST_F(RandomSelectionTest, NoRuleKeepsWhatAnEarlierOneCovers) {
  const std::pair<std::string, std::string> kRules[] = {
      {"hourly", "%Y-%m-%d %Hh"},
      {"daily", "%Y-%m-%d"},
      {"weekly", "%G-W%V"},
      {"monthly", "%Y-%m"},
      {"yearly", "%Y"}};
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    if (!options_.KeepsAnything()) continue;
    const std::vector<PruneDecision> decisions = Selected(snapshots_);
    std::vector<absl::Time> kept;
    const auto keep = [&](const std::string& rule) {
      for (size_t i = 0; i < snapshots_.size(); ++i) {
        if (decisions[i].action != PruneAction::kKeep) continue;
        if (!absl::StartsWith(decisions[i].reason, rule)) continue;
        kept.push_back(absl::FromUnixSeconds(snapshots_[i].time));
      }
    };
    keep("within");
    keep("last");
    for (const auto& [rule, format] : kRules) {
      std::set<std::string> covered;
      for (const absl::Time time : kept) {
        covered.insert(
            absl::StrCat(rule, " ", absl::FormatTime(format, time, zone_)));
      }
      for (size_t i = 0; i < snapshots_.size(); ++i) {
        const std::string& reason = decisions[i].reason;
        if (decisions[i].action != PruneAction::kKeep) continue;
        if (!absl::StartsWith(reason, rule)) continue;
        EXPECT_EQ(covered.count(reason), 0u) << reason;
        EXPECT_EQ(
            reason,
            absl::StrCat(
                rule, " ",
                absl::FormatTime(
                    format, absl::FromUnixSeconds(snapshots_[i].time), zone_)));
      }
      keep(rule);
    }
  }
}

// Holds where a period is one run of time, as in the zones drawn here.
TEST_F(RandomSelectionTest, WhatWasKeptIsKeptAgain) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    const std::vector<PruneSnapshot> kept = Kept(snapshots_);
    EXPECT_EQ(Kept(kept).size(), kept.size());
  }
}

TEST_F(RandomSelectionTest, OneRuleAloneKeepsNoLessIfItMayKeepMore) {
  for (int round = 0; round < kRounds; ++round) {
    Draw();
    uint32_t PruneOptions::*const kRules[] = {
        &PruneOptions::keep_last,    &PruneOptions::keep_hourly,
        &PruneOptions::keep_daily,   &PruneOptions::keep_weekly,
        &PruneOptions::keep_monthly, &PruneOptions::keep_yearly};
    uint32_t PruneOptions::*const rule = kRules[random_() % 6];
    options_ = {};
    options_.*rule = 1 + random_() % 5;
    const std::vector<PruneDecision> fewer = Selected(snapshots_);
    ++(options_.*rule);
    const std::vector<PruneDecision> more = Selected(snapshots_);
    for (size_t i = 0; i < snapshots_.size(); ++i) {
      if (more[i].action == PruneAction::kRemove) {
        EXPECT_EQ(fewer[i].action, PruneAction::kRemove);
      }
    }
  }
}

}  // namespace
}  // namespace cairn
