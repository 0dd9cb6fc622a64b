#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "common/model/names.h"
#include "common/prune/prune_plan.h"
#include "common/time/time_zone.h"
#include "tests/benchmark/stages/cpu_time.h"

namespace cairn {
namespace {

constexpr int64_t kNewest = 1'607'212'800;
constexpr int64_t kSnapshots = 100'000;

struct GroupInput {
  GroupName name;
  std::vector<GuardedSnapshot> snapshots;  // about one a day, newest first
};

std::vector<GroupInput> MakeGroups(int64_t count) {
  std::vector<GroupInput> groups;
  for (int64_t i = 0; i < count; ++i) {
    GroupInput group = {.name = {.parent = {.datastore = "benchmark"},
                                 .id = absl::StrCat("machine-", i)}};
    for (int64_t day = 0; day < kSnapshots / count; ++day) {
      group.snapshots.push_back(
          {.snapshot = {.time = kNewest - day * 86'400 - i % 3600}});
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

// A plan of 100,000 snapshots by all rules, with its hash; in so many groups.
// All times are CPU time of the thread.
void BM_PrunePlan(benchmark::State& state) {
  const std::vector<GroupInput> groups = MakeGroups(state.range(0));
  const PruneOptions options = {.keep_last = 2,
                                .keep_hourly = 2,
                                .keep_daily = 2,
                                .keep_weekly = 1,
                                .keep_monthly = 1,
                                .keep_yearly = 1,
                                .keep_within = {.days = 2}};
  const absl::StatusOr<absl::TimeZone> zone = LoadTimeZone("Europe/Vienna");
  CHECK_OK(zone.status());
  PruneCounts counts;
  for (auto _ : state) {
    const absl::Duration taken = CpuTimeOf([&] {
      PrunePlanner planner(options, *zone, {.allow_share = true},
                           absl::FromUnixSeconds(kNewest));
      for (const GroupInput& group : groups) {
        CHECK_OK(planner.AddGroup(group.name, group.snapshots));
      }
      const PrunePlan plan = std::move(planner).Finish();
      counts = CountPlan(plan);
      benchmark::DoNotOptimize(PlanHash(plan));
    });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
  }
  CHECK_EQ(counts.keep + counts.remove, uint64_t{kSnapshots});
  state.SetItemsProcessed(state.iterations() * kSnapshots);
  state.counters["removed"] = static_cast<double>(counts.remove);
}
BENCHMARK(BM_PrunePlan)
    ->ArgName("groups")
    ->Arg(10'000)
    ->Arg(100)
    ->Arg(1)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
