#include "common/prune/prune_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"

namespace cairn {

PrunePlanner::PrunePlanner(const PruneOptions& options,
                           const absl::TimeZone& zone,
                           const PruneGuardOptions& guards, absl::Time now)
    : options_(options), zone_(zone), guards_(guards), now_(now) {}

absl::Status PrunePlanner::AddGroup(
    const GroupName& name, std::span<const GuardedSnapshot> snapshots) {
  if (groups_.contains(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name.ToString(), ": is in the plan already"));
  }
  if (groups_.size() == kMaxPrunePlanGroups ||
      snapshots.size() > kMaxPrunePlanSnapshots - snapshots_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a plan of ", groups_.size() + 1, " groups and ",
        snapshots_ + snapshots.size(), " snapshots, ", kMaxPrunePlanGroups,
        " and ", kMaxPrunePlanSnapshots,
        " are allowed; plan namespaces or groups one after the other"));
  }
  std::vector<PruneSnapshot> plain(snapshots.size());
  std::transform(
      snapshots.begin(), snapshots.end(), plain.begin(),
      [](const GuardedSnapshot& guarded) { return guarded.snapshot; });
  GuardedDecisions guarded = ApplyPruneGuards(
      snapshots, SelectSnapshots(plain, options_, zone_), guards_, now_);
  PlannedGroup group = {.name = name, .refused = std::move(guarded.refused)};
  group.snapshots.reserve(plain.size());
  for (size_t i = 0; i < plain.size(); ++i) {
    group.snapshots.push_back({plain[i].time, std::move(guarded.decisions[i])});
  }
  const auto time = [](const PlannedSnapshot& planned) { return planned.time; };
  std::ranges::sort(group.snapshots, {}, time);
  const auto twice = std::ranges::adjacent_find(group.snapshots, {}, time);
  if (twice != group.snapshots.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name.ToString(), ": has two snapshots of ",
                     FormatSnapshotTime(twice->time)));
  }
  snapshots_ += plain.size();
  groups_.emplace(name, std::move(group));
  return absl::OkStatus();
}

PrunePlan PrunePlanner::Finish() && {
  PrunePlan plan = {
      .options = options_, .time_zone = zone_.name(), .guards = guards_};
  plan.groups.reserve(groups_.size());
  for (auto& [name, group] : groups_) plan.groups.push_back(std::move(group));
  return plan;
}

PruneCounts CountPlan(const PrunePlan& plan) {
  PruneCounts counts = {.groups = plan.groups.size()};
  for (const PlannedGroup& group : plan.groups) {
    if (!group.refused.empty()) ++counts.refused_groups;
    for (const PlannedSnapshot& snapshot : group.snapshots) {
      switch (snapshot.decision.action) {
        case PruneAction::kKeep:
          ++counts.keep;
          break;
        case PruneAction::kRemove:
          ++counts.remove;
          break;
        case PruneAction::kProtected:
          ++counts.is_protected;
          break;
        case PruneAction::kKeepPartial:
          ++counts.keep_partial;
          break;
      }
    }
  }
  return counts;
}

std::string EncodePlan(const PrunePlan& plan) {
  const PruneOptions& keep = plan.options;
  const PruneGuardOptions& guards = plan.guards;
  std::string text = absl::StrCat(
      "cairn prune plan 1\nkeep last=", keep.keep_last,
      " hourly=", keep.keep_hourly, " daily=", keep.keep_daily,
      " weekly=", keep.keep_weekly, " monthly=", keep.keep_monthly,
      " yearly=", keep.keep_yearly, " within=", keep.keep_within.ToString(),
      "\ntime zone ", plan.time_zone,
      "\nguards last-good=", guards.allow_last_good ? 0 : 1,
      " clock=", guards.confirm_clock ? 0 : 1,
      " share=", guards.allow_share ? 0 : 1,
      " max-share=", guards.max_share_percent, "\n");
  for (const PlannedGroup& group : plan.groups) {
    absl::StrAppend(&text, "group ", group.name.ToString(), "\n");
    for (const PlannedSnapshot& snapshot : group.snapshots) {
      absl::StrAppend(&text, snapshot.time, " ",
                      PruneActionName(snapshot.decision.action), "\n");
    }
  }
  return text;
}

std::string PlanHash(const PrunePlan& plan) {
  return Sha256(EncodePlan(plan)).ToHex();
}

}  // namespace cairn
