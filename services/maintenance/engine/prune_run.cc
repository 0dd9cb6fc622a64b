#include "services/maintenance/engine/prune_run.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/time/time_zone.h"
#include "services/maintenance/domain/group_filter.h"
#include "services/maintenance/engine/lease_guard.h"

namespace cairn::maintenance {
namespace {

// A removal that a guard has taken back says so (common/prune).
bool IsKeptByGuard(const PruneDecision& decision) {
  return decision.action == PruneAction::kKeep &&
         absl::StrContains(decision.reason, " guard: ");
}

PruneRunResult CountResult(const PrunePlan& plan) {
  const PruneCounts counts = CountPlan(plan);
  PruneRunResult result;
  result.plan_hash = PlanHash(plan);
  result.groups = counts.groups;
  result.forgotten = counts.remove;
  result.kept = counts.keep + counts.is_protected + counts.keep_partial;
  for (const PlannedGroup& group : plan.groups) {
    result.refused += static_cast<uint64_t>(
        std::count_if(group.snapshots.begin(), group.snapshots.end(),
                      [](const PlannedSnapshot& snapshot) {
                        return IsKeptByGuard(snapshot.decision);
                      }));
  }
  return result;
}

// What the plan removes, oldest first: a run that ends early has not forgotten
// anything newer than what it has left.
std::vector<SnapshotName> Removals(const PrunePlan& plan) {
  std::vector<SnapshotName> names;
  for (const PlannedGroup& group : plan.groups) {
    for (const PlannedSnapshot& snapshot : group.snapshots) {
      if (snapshot.decision.action == PruneAction::kRemove) {
        names.push_back({group.name, snapshot.time});
      }
    }
  }
  std::stable_sort(names.begin(), names.end(),
                   [](const SnapshotName& a, const SnapshotName& b) {
                     return a.time < b.time;
                   });
  return names;
}

void LogPlan(const PrunePlan& plan, size_t max_named, RunControl& control) {
  size_t named = 0;
  for (const PlannedGroup& group : plan.groups) {
    if (!group.refused.empty() && named < max_named) {
      ++named;
      control.Log(LogLevel::kWarning,
                  absl::StrCat(group.name.ToString(), ": ", group.refused));
    }
    for (const PlannedSnapshot& snapshot : group.snapshots) {
      const PruneDecision& decision = snapshot.decision;
      const bool told =
          decision.action == PruneAction::kRemove || IsKeptByGuard(decision);
      if (!told || !group.refused.empty() || named >= max_named) continue;
      ++named;
      control.Log(
          LogLevel::kInfo,
          absl::StrCat(PruneActionName(decision.action), " ",
                       SnapshotName{group.name, snapshot.time}.ToString(), ": ",
                       decision.reason));
    }
  }
  if (named >= max_named) {
    control.Log(LogLevel::kInfo,
                "further decisions are not logged; a plan lists all");
  }
}

absl::Status CheckHash(const std::string& wanted, const std::string& found) {
  if (wanted.empty() || wanted == found) return absl::OkStatus();
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "the plan has hash ", found, ", asked for was ", wanted,
                        "; look at the plan of now, with --dry-run")),
                    reason::kPlanChanged);
}

}  // namespace

absl::StatusOr<PlannedPrune> Pruner::Plan(const Call& call,
                                          const PruneRunOptions& asked) const {
  ASSIGN_OR_RETURN(
      const absl::TimeZone zone,
      LoadTimeZone(asked.time_zone.empty() ? "UTC" : asked.time_zone));
  PrunePlanner planner(asked.keep, zone, asked.guards,
                       dependencies_.clock->Now());
  RETURN_IF_ERROR(AddGroups(call, asked, planner));
  PlannedPrune planned;
  planned.plan = std::move(planner).Finish();
  planned.result = CountResult(planned.plan);
  return planned;
}

// Lists are by group, so that a group is whole when the next one comes.
absl::Status Pruner::AddGroups(const Call& call, const PruneRunOptions& asked,
                               PrunePlanner& planner) const {
  ASSIGN_OR_RETURN(const GroupFilter filter,
                   GroupFilter::Compile(asked.include, asked.exclude));
  SnapshotQuery query;
  query.parent = asked.scope.parent;
  query.group = asked.scope.group;
  query.max_depth = asked.scope.max_depth;
  PageRequest page{.page_size = kMaxPageSize};
  std::optional<GroupName> group;
  bool passes = false;
  std::vector<GuardedSnapshot> snapshots;
  for (;;) {
    Call request = call;
    request.deadline = std::min(
        call.deadline, dependencies_.clock->Now() + options_.call_timeout);
    ASSIGN_OR_RETURN(
        ListPage<Snapshot> listed,
        dependencies_.catalog->ListSnapshots(request, query, page));
    for (const Snapshot& snapshot : listed.items) {
      if (group != snapshot.name.group) {
        if (!snapshots.empty()) {
          RETURN_IF_ERROR(planner.AddGroup(*group, snapshots));
        }
        snapshots.clear();
        group = snapshot.name.group;
        passes = filter.Passes(*group);
      }
      if (!passes) continue;
      if (snapshots.size() >= kMaxPrunePlanSnapshots) {
        return absl::ResourceExhaustedError(
            absl::StrCat(group->ToString(), " has more than ",
                         kMaxPrunePlanSnapshots, " snapshots"));
      }
      snapshots.push_back(
          {{.time = snapshot.name.time, .is_protected = snapshot.is_protected},
           snapshot.verification.state});
    }
    if (listed.next_page_token.empty()) break;
    page.page_token = std::move(listed.next_page_token);
  }
  return snapshots.empty() ? absl::OkStatus()
                           : planner.AddGroup(*group, snapshots);
}

absl::StatusOr<PruneRunResult> Pruner::Run(const PruneRunOptions& asked,
                                           RunControl& control) const {
  control.SetPhase("plan");
  RETURN_IF_ERROR(control.Checkpoint());
  ASSIGN_OR_RETURN(
      PlannedPrune planned,
      Plan(MaintenanceCall(absl::InfiniteFuture(), control.cancellation()),
           asked));
  PruneRunResult result = planned.result;
  control.Log(
      LogLevel::kInfo,
      absl::StrCat("plan ", result.plan_hash, ": ", result.groups, " groups, ",
                   result.kept, " snapshots are kept, ", result.forgotten,
                   " removed, ", result.refused, " kept by guards"));
  LogPlan(planned.plan, options_.max_named, control);
  RETURN_IF_ERROR(CheckHash(asked.plan_hash, result.plan_hash));
  if (asked.validate_only) return result;
  control.SetPhase("forget");
  ASSIGN_OR_RETURN(const Forgotten forgotten,
                   Forget(asked, planned.plan, control));
  result.forgotten = forgotten.done;
  result.failed = forgotten.failed;
  return result;
}

absl::StatusOr<Pruner::Forgotten> Pruner::Forget(const PruneRunOptions& asked,
                                                 const PrunePlan& plan,
                                                 RunControl& control) const {
  const std::vector<SnapshotName> names = Removals(plan);
  Forgotten all;
  for (size_t from = 0; from < names.size(); from += options_.batch) {
    RETURN_IF_ERROR(control.Checkpoint());
    const size_t count = std::min(options_.batch, names.size() - from);
    const Forgotten batch =
        ForgetBatch(asked, std::span(names).subspan(from, count), control);
    all.done += batch.done;
    all.failed += batch.failed;
    control.SetCounter("forgotten", all.done);
    control.SetCounter("failed", all.failed);
  }
  return all;
}

// All or none: one snapshot that was protected since the plan refuses its
// batch, and is found by halves.
Pruner::Forgotten Pruner::ForgetBatch(const PruneRunOptions& asked,
                                      std::span<const SnapshotName> names,
                                      RunControl& control) const {
  ForgetSnapshotsChange change;
  change.datastore = asked.scope.datastore();
  change.names.assign(names.begin(), names.end());
  change.trash_time = asked.trash_time.value_or(options_.trash_time);
  const Call call =
      MaintenanceCall(dependencies_.clock->Now() + options_.call_timeout,
                      control.cancellation());
  const absl::Status applied =
      dependencies_.apply(call, change.datastore, change);
  if (applied.ok()) return {.done = names.size()};
  if (HasReason(applied, reason::kSnapshotProtected) && names.size() > 1) {
    const size_t half = names.size() / 2;
    const Forgotten first = ForgetBatch(asked, names.first(half), control);
    const Forgotten rest = ForgetBatch(asked, names.subspan(half), control);
    return {first.done + rest.done, first.failed + rest.failed};
  }
  control.Log(
      LogLevel::kError,
      absl::StrCat(names.size(), " snapshots from ", names.front().ToString(),
                   " on were not forgotten: ", applied.ToString()));
  return {.failed = names.size()};
}

}  // namespace cairn::maintenance
