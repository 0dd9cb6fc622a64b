#include "common/prune/prune_guards.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/testing/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr int64_t kDay = 24 * 60 * 60;
// 2020-12-06T00:00:00Z, of the newest snapshot of all groups below.
constexpr int64_t kNewest = 1607212800;
const absl::Time kNow = absl::FromUnixSeconds(kNewest);

constexpr VerifyState kNever = VerifyState::kNever;
constexpr VerifyState kOk = VerifyState::kOk;
constexpr VerifyState kFailed = VerifyState::kFailed;

// One a day, oldest first.
std::vector<GuardedSnapshot> Daily(const std::vector<VerifyState>& states) {
  std::vector<GuardedSnapshot> group;
  for (size_t i = 0; i < states.size(); ++i) {
    const auto age = static_cast<int64_t>(states.size() - 1 - i);
    group.push_back({.snapshot = {.time = kNewest - age * kDay},
                     .verify_state = states[i]});
  }
  return group;
}

GuardedDecisions Apply(const std::vector<GuardedSnapshot>& group,
                       const PruneOptions& keep,
                       const PruneGuardOptions& guards = {},
                       absl::Time now = kNow) {
  std::vector<PruneSnapshot> plain;
  for (const GuardedSnapshot& guarded : group) {
    plain.push_back(guarded.snapshot);
  }
  return ApplyPruneGuards(
      group, SelectSnapshots(plain, keep, absl::UTCTimeZone()), guards, now);
}

std::vector<bool> Removed(const GuardedDecisions& guarded) {
  std::vector<bool> removed;
  for (const PruneDecision& decision : guarded.decisions) {
    removed.push_back(decision.action == PruneAction::kRemove);
  }
  return removed;
}

constexpr PruneOptions kLastTwo = {.keep_last = 2};

TEST(LastGoodGuardTest, KeepsTheNewestThatWasVerifiedGood) {
  const auto group = Daily({kOk, kOk, kNever, kNever});
  const GuardedDecisions guarded = Apply(group, kLastTwo);
  EXPECT_THAT(Removed(guarded), ElementsAre(true, false, false, false));
  EXPECT_EQ(guarded.decisions[1].action, PruneAction::kKeep);
  EXPECT_EQ(guarded.decisions[1].reason,
            "last-good guard: the newest that was verified good");
  EXPECT_EQ(guarded.refused, "");
  EXPECT_THAT(Removed(Apply(group, kLastTwo, {.allow_last_good = true})),
              ElementsAre(true, true, false, false));
}

TEST(LastGoodGuardTest, AnOlderGoodOneThatStaysIsNoReplacement) {
  auto group = Daily({kOk, kOk, kNever, kNever});
  group[0].snapshot.is_protected = true;
  EXPECT_THAT(Removed(Apply(group, kLastTwo)),
              ElementsAre(false, false, false, false));
}

TEST(LastGoodGuardTest, ANewerGoodOneThatStaysIs) {
  EXPECT_THAT(Removed(Apply(Daily({kOk, kOk, kOk, kNever}), kLastTwo)),
              ElementsAre(true, true, false, false));
}

TEST(LastGoodGuardTest, WhatNobodyVerifiedIsPruned) {
  EXPECT_THAT(Removed(Apply(Daily({kNever, kNever, kNever, kNever}), kLastTwo)),
              ElementsAre(true, true, false, false));
}

TEST(LastGoodGuardTest, DamagedOnesAreNotAllThatStays) {
  const auto group = Daily({kNever, kNever, kFailed, kFailed});
  const GuardedDecisions guarded = Apply(group, kLastTwo);
  EXPECT_THAT(Removed(guarded), ElementsAre(true, false, false, false));
  EXPECT_EQ(guarded.decisions[1].reason,
            "last-good guard: the newest that is not known to be damaged");
  EXPECT_THAT(Removed(Apply(group, kLastTwo, {.allow_last_good = true})),
              ElementsAre(true, true, false, false));
  EXPECT_THAT(
      Removed(Apply(Daily({kNever, kNever, kFailed, kNever}), kLastTwo)),
      ElementsAre(true, true, false, false));
  EXPECT_THAT(
      Removed(Apply(Daily({kFailed, kFailed, kFailed, kFailed}), kLastTwo)),
      ElementsAre(true, true, false, false));
}

TEST(LastGoodGuardTest, AnUnfinishedOneIsNeverGood) {
  auto group = Daily({kOk, kNever, kOk, kNever, kNever});
  group[2].snapshot.finished = false;
  EXPECT_THAT(Removed(Apply(group, kLastTwo)),
              ElementsAre(false, true, true, false, false));
}

TEST(ClockGuardTest, RefusesIfTheClockIsBehind) {
  const auto group = Daily({kNever, kNever, kNever});
  const absl::Time late = kNow - absl::Minutes(5);
  EXPECT_THAT(Removed(Apply(group, kLastTwo, {}, late)),
              ElementsAre(true, false, false));
  const absl::Time too_late = late - absl::Seconds(1);
  const GuardedDecisions guarded = Apply(group, kLastTwo, {}, too_late);
  EXPECT_THAT(Removed(guarded), ElementsAre(false, false, false));
  EXPECT_EQ(guarded.refused,
            "clock guard: the newest snapshot is 2020-12-06T00:00:00Z, the "
            "clock 301 s behind it; set the clock, or confirm it");
  EXPECT_EQ(guarded.decisions[0].reason, guarded.refused);
  // What the rules keep has their reason.
  EXPECT_EQ(guarded.decisions[1].reason, "last");
  EXPECT_THAT(
      Removed(Apply(group, kLastTwo, {.confirm_clock = true}, too_late)),
      ElementsAre(true, false, false));
}

TEST(ClockGuardTest, TheNewestMayBeUnfinished) {
  auto group = Daily({kNever, kNever, kNever, kNever});
  group[3].snapshot.finished = false;
  EXPECT_THAT(Apply(group, {.keep_last = 1}, {}, kNow - absl::Hours(1)).refused,
              StartsWith("clock guard"));
}

TEST(ClockGuardTest, AClockAheadIsNoMatter) {
  EXPECT_EQ(Apply(Daily({kNever, kNever, kNever}), kLastTwo, {},
                  kNow + absl::Hours(100'000))
                .refused,
            "");
}

// Of `count` snapshots `kept` stay by the rules.
GuardedDecisions KeepOf(size_t count, uint32_t kept,
                        const PruneGuardOptions& guards = {}) {
  return Apply(Daily(std::vector<VerifyState>(count)), {.keep_last = kept},
               guards);
}

TEST(ShareGuardTest, RefusesToRemoveMoreThanTheShare) {
  EXPECT_EQ(KeepOf(10, 5).refused, "");
  const GuardedDecisions guarded = KeepOf(10, 4);
  EXPECT_EQ(guarded.refused,
            "share guard: 6 of 10 snapshots would be removed, 50 % may be; "
            "check the keep rules, or allow it");
  EXPECT_THAT(Removed(guarded), Each(false));
  EXPECT_EQ(guarded.decisions[0].reason, guarded.refused);
  EXPECT_EQ(KeepOf(10, 4, {.allow_share = true}).refused, "");
  EXPECT_EQ(KeepOf(10, 4, {.max_share_percent = 60}).refused, "");
  EXPECT_NE(KeepOf(10, 4, {.max_share_percent = 59}).refused, "");
  EXPECT_EQ(KeepOf(10, 1, {.max_share_percent = 100}).refused, "");
  EXPECT_EQ(KeepOf(10, 1, {.max_share_percent = UINT32_MAX}).refused, "");
  EXPECT_NE(KeepOf(10, 7, {.max_share_percent = 0}).refused, "");
}

// With keep-last 1 a group of three was stuck for ever otherwise.
TEST(ShareGuardTest, TwoRemovalsAreNoMatterOfShare) {
  EXPECT_EQ(KeepOf(2, 1).refused, "");
  EXPECT_EQ(KeepOf(3, 1).refused, "");
  EXPECT_NE(KeepOf(4, 1).refused, "");
  EXPECT_EQ(KeepOf(10, 8, {.max_share_percent = 0}).refused, "");
}

TEST(ShareGuardTest, CountsFinishedOnes) {
  auto group = Daily(std::vector<VerifyState>(10));
  for (size_t i = 0; i < 6; ++i) group[i].snapshot.finished = false;
  // Six that were given up go, and one of four others.
  EXPECT_EQ(Apply(group, {.keep_last = 3}).refused, "");
  EXPECT_NE(Apply(group, {.keep_last = 1}).refused, "");
  for (GuardedSnapshot& guarded : group) guarded.snapshot.finished = true;
  // Protected ones are of the whole: 4 of 10 go.
  for (size_t i = 0; i < 5; ++i) group[i].snapshot.is_protected = true;
  EXPECT_EQ(Apply(group, {.keep_last = 1}).refused, "");
}

TEST(ShareGuardTest, CountsWhatTheLastGoodGuardTookBack) {
  std::vector<VerifyState> states(11, kNever);
  states[3] = kOk;
  EXPECT_EQ(Apply(Daily(states), {.keep_last = 5}).refused, "");
  EXPECT_NE(
      Apply(Daily(states), {.keep_last = 5}, {.allow_last_good = true}).refused,
      "");
}

TEST(PruneGuardsTest, AGroupThatLosesNothingIsNotRefused) {
  const auto group = Daily({kNever, kNever});
  EXPECT_EQ(Apply(group, {}, {}, absl::UnixEpoch()).refused, "");
  EXPECT_EQ(Apply({}, kLastTwo, {}, absl::UnixEpoch()).refused, "");
}

TEST(PruneGuardsTest, OnlyEverKeepMore) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 3000; ++round) {
    std::vector<VerifyState> states(random() % 15);
    for (VerifyState& state : states) {
      state = static_cast<VerifyState>(random() % 3);
    }
    auto group = Daily(states);
    std::vector<PruneSnapshot> plain;
    for (GuardedSnapshot& guarded : group) {
      guarded.snapshot.is_protected = random() % 5 == 0;
      guarded.snapshot.finished = random() % 5 > 0;
      plain.push_back(guarded.snapshot);
    }
    const std::vector<PruneDecision> selected = SelectSnapshots(
        plain, {.keep_last = static_cast<uint32_t>(random() % 9)},
        absl::UTCTimeZone());
    const GuardedDecisions guarded =
        ApplyPruneGuards(group, selected, {.max_share_percent = 70},
                         kNow - absl::Minutes(random() % 7));
    ASSERT_EQ(guarded.decisions.size(), selected.size());
    for (size_t i = 0; i < selected.size(); ++i) {
      const PruneDecision& decision = guarded.decisions[i];
      if (decision == selected[i]) continue;
      EXPECT_EQ(selected[i].action, PruneAction::kRemove);
      EXPECT_EQ(decision.action, PruneAction::kKeep);
      EXPECT_TRUE(absl::StrContains(decision.reason, " guard: "));
    }
    if (guarded.refused.empty()) continue;
    EXPECT_THAT(Removed(guarded), Each(false));
  }
}

}  // namespace
}  // namespace cairn
