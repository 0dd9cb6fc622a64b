#include "common/prune/prune_plan.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kDay = 24 * 60 * 60;
constexpr int64_t kNewest = 1607212800;  // 2020-12-06T00:00:00Z

GroupName Group(const std::string& id) {
  return {.parent = {.datastore = "store"}, .id = id};
}

// One a day, newest first.
std::vector<GuardedSnapshot> Days(int count) {
  std::vector<GuardedSnapshot> snapshots;
  for (int i = 0; i < count; ++i) {
    snapshots.push_back({.snapshot = {.time = kNewest - i * kDay}});
  }
  return snapshots;
}

struct Made {
  PruneOptions options = {.keep_last = 2};
  std::string zone = "UTC";
  PruneGuardOptions guards;
  absl::Time now = absl::FromUnixSeconds(kNewest);
  std::vector<std::pair<std::string, std::vector<GuardedSnapshot>>> groups = {
      {"web1", Days(3)}, {"db1", Days(4)}};

  PrunePlan Plan() const {
    absl::TimeZone time_zone;
    EXPECT_TRUE(absl::LoadTimeZone(zone, &time_zone));
    PrunePlanner planner(options, time_zone, guards, now);
    for (const auto& [id, snapshots] : groups) {
      EXPECT_OK(planner.AddGroup(Group(id), snapshots));
    }
    return std::move(planner).Finish();
  }
  std::string Hash() const { return PlanHash(Plan()); }
};

TEST(PrunePlanTest, DecidesForEachGroup) {
  const PrunePlan plan = Made().Plan();
  EXPECT_EQ(plan.options, (PruneOptions{.keep_last = 2}));
  EXPECT_EQ(plan.time_zone, "UTC");
  ASSERT_EQ(plan.groups.size(), 2u);
  EXPECT_EQ(plan.groups[0].name, Group("db1"));
  EXPECT_EQ(plan.groups[1].name, Group("web1"));
  EXPECT_THAT(
      plan.groups[1].snapshots,
      ElementsAre(PlannedSnapshot{kNewest - 2 * kDay,
                                  {PruneAction::kRemove, "no rule keeps it"}},
                  PlannedSnapshot{kNewest - kDay, {PruneAction::kKeep, "last"}},
                  PlannedSnapshot{kNewest, {PruneAction::kKeep, "last"}}));
}

TEST(PrunePlanTest, GuardsFilterIt) {
  Made made;
  made.groups = {{"web1", Days(10)}, {"db1", Days(4)}};
  const PrunePlan plan = made.Plan();
  EXPECT_EQ(plan.groups[0].refused, "");
  EXPECT_THAT(plan.groups[1].refused, HasSubstr("share guard: 8 of 10"));
  EXPECT_EQ(
      CountPlan(plan),
      (PruneCounts{.groups = 2, .refused_groups = 1, .keep = 12, .remove = 2}));
}

TEST(PrunePlanTest, CountsEachAction) {
  Made made;
  made.groups = {{"web1", Days(6)}};
  made.groups[0].second[0].snapshot.finished = false;
  made.groups[0].second[1].snapshot.is_protected = true;
  EXPECT_EQ(CountPlan(made.Plan()), (PruneCounts{.groups = 1,
                                                 .keep = 2,
                                                 .remove = 2,
                                                 .is_protected = 1,
                                                 .keep_partial = 1}));
  EXPECT_EQ(CountPlan({}), PruneCounts{});
}

TEST(PrunePlanTest, HasOneWrittenForm) {
  Made made;
  made.options.keep_within = {.years = 1, .days = 3};
  made.options.keep_weekly = 4;
  made.zone = "Europe/Vienna";
  made.guards.confirm_clock = true;
  made.groups = {{"web1", Days(2)}, {"db1", Days(1)}};
  made.groups[0].second[1].snapshot.is_protected = true;
  EXPECT_EQ(EncodePlan(made.Plan()),
            "cairn prune plan 1\n"
            "keep last=2 hourly=0 daily=0 weekly=4 monthly=0 yearly=0 "
            "within=1y3d\n"
            "time zone Europe/Vienna\n"
            "guards last-good=1 clock=0 share=1 max-share=50\n"
            "group datastores/store/groups/host/db1\n"
            "1607212800 keep\n"
            "group datastores/store/groups/host/web1\n"
            "1607126400 protected\n"
            "1607212800 keep\n");
}

// By sha256sum, over such a text without a group.
TEST(PrunePlanTest, TheHashIsThatOfTheWrittenForm) {
  Made made;
  made.groups.clear();
  EXPECT_EQ(made.Hash(),
            "aa1250a5b4ec95ca64da3e9d112ef0f34eb1884890407cc72ee85314c32e5346");
}

TEST(PrunePlanTest, TheHashIsOfWhatIsDecided) {
  const std::string hash = Made().Hash();
  Made same;
  std::swap(same.groups[0], same.groups[1]);
  std::swap(same.groups[0].second[0], same.groups[0].second[1]);
  same.now += absl::Hours(1);
  EXPECT_EQ(same.Hash(), hash);
}

// A change of anything that a person agreed to is another plan.
TEST(PrunePlanTest, TheHashTellsPlansApart) {
  std::vector<Made> plans(16);
  plans[1].options.keep_last = 3;
  plans[2].options.keep_hourly = 1;
  plans[3].options.keep_daily = 1;
  plans[4].options.keep_weekly = 1;
  plans[5].options.keep_monthly = 1;
  plans[6].options.keep_yearly = 1;
  plans[7].options.keep_within.hours = 1;
  plans[8].zone = "Europe/Vienna";
  plans[9].guards.allow_last_good = true;
  plans[10].guards.confirm_clock = true;
  plans[11].guards.allow_share = true;
  plans[12].guards.max_share_percent = 51;
  plans[13].groups[0].first = "web2";
  plans[14].groups[0].second[0].snapshot.is_protected = true;
  plans[15].groups[0].second[2].snapshot.time -= 1;
  std::set<std::string> hashes;
  for (const Made& made : plans) hashes.insert(made.Hash());
  EXPECT_EQ(hashes.size(), plans.size());
}

TEST(PrunePlanTest, AClockGuardsTextIsNotOfTheHash) {
  Made made;
  made.now -= absl::Hours(1);
  const std::string hash = made.Hash();
  made.now -= absl::Seconds(1);
  EXPECT_EQ(made.Hash(), hash);
  EXPECT_NE(Made().Hash(), hash);
}

class PrunePlannerTest : public ::testing::Test {
 protected:
  PrunePlanner planner_{{.keep_last = 2},
                        absl::UTCTimeZone(),
                        {},
                        absl::FromUnixSeconds(kNewest)};
};

TEST_F(PrunePlannerTest, RefusesAGroupTwice) {
  ASSERT_OK(planner_.AddGroup(Group("web1"), Days(3)));
  EXPECT_THAT(planner_.AddGroup(Group("web1"), Days(2)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "datastores/store/groups/host/web1: is in the plan "
                       "already"));
  const PrunePlan plan = std::move(planner_).Finish();
  ASSERT_EQ(plan.groups.size(), 1u);
  EXPECT_EQ(plan.groups[0].snapshots.size(), 3u);
}

TEST_F(PrunePlannerTest, RefusesTwoSnapshotsOfOneTime) {
  std::vector<GuardedSnapshot> snapshots = Days(3);
  snapshots.push_back(snapshots[1]);
  EXPECT_THAT(planner_.AddGroup(Group("web1"), snapshots),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("host/web1"),
                             HasSubstr("2020-12-05T00:00:00Z"))));
  EXPECT_THAT(std::move(planner_).Finish().groups, IsEmpty());
}

TEST_F(PrunePlannerTest, HoldsSoManySnapshotsAndNoMore) {
  std::vector<GuardedSnapshot> snapshots(kMaxPrunePlanSnapshots - 3);
  for (size_t i = 0; i < snapshots.size(); ++i) {
    snapshots[i].snapshot.time = static_cast<int64_t>(i + 1);
  }
  ASSERT_OK(planner_.AddGroup(Group("many"), snapshots));
  EXPECT_THAT(planner_.AddGroup(Group("more"), Days(4)),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("2 groups and 1000001 snapshots")));
  EXPECT_OK(planner_.AddGroup(Group("few"), Days(3)));
}

TEST_F(PrunePlannerTest, HoldsSoManyGroupsAndNoMore) {
  for (size_t i = 0; i < kMaxPrunePlanGroups; ++i) {
    ASSERT_OK(planner_.AddGroup(Group(std::to_string(i)), {}));
  }
  EXPECT_THAT(planner_.AddGroup(Group("more"), {}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("100001 groups")));
}

}  // namespace
}  // namespace cairn
