#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/model/names.h"
#include "common/prune/prune_guards.h"
#include "common/prune/prune_selection.h"

// What a prune of many groups would do, as a value: it can be shown, and
// executed by its hash. Pure.
namespace cairn {

// Of one plan. A snapshot takes about 100 bytes, so 100 MiB at most.
inline constexpr size_t kMaxPrunePlanGroups = 100'000;
inline constexpr size_t kMaxPrunePlanSnapshots = 1'000'000;

struct PlannedSnapshot {
  int64_t time = 0;  // Unix seconds
  PruneDecision decision;
  friend bool operator==(const PlannedSnapshot&,
                         const PlannedSnapshot&) = default;
};

struct PlannedGroup {
  GroupName name;
  std::vector<PlannedSnapshot> snapshots;  // oldest first, in order of removal
  // The guard that keeps all of it (GuardedDecisions::refused); else empty.
  std::string refused;
  friend bool operator==(const PlannedGroup&, const PlannedGroup&) = default;
};

struct PrunePlan {
  PruneOptions options;
  std::string time_zone;  // its name
  PruneGuardOptions guards;
  std::vector<PlannedGroup> groups;  // sorted by name, each once
};

struct PruneCounts {
  uint64_t groups = 0;
  uint64_t refused_groups = 0;
  uint64_t keep = 0;
  uint64_t remove = 0;
  uint64_t is_protected = 0;
  uint64_t keep_partial = 0;
  friend bool operator==(const PruneCounts&, const PruneCounts&) = default;
};

// Builds a plan group by group. Not thread-safe.
class PrunePlanner {
 public:
  // `now` is for the clock guard alone.
  PrunePlanner(const PruneOptions& options, const absl::TimeZone& zone,
               const PruneGuardOptions& guards, absl::Time now);

  // Selects among all snapshots of a group, in any order, and applies the
  // guards. After an error the planner is as before.
  // InvalidArgument: the group was added before, or has two snapshots of one
  // time: what was read is not the state of a group, and a decision on it
  // would be wrong.
  // ResourceExhausted: the plan would be above its limits; plan namespaces or
  // groups one after the other.
  absl::Status AddGroup(const GroupName& name,
                        std::span<const GuardedSnapshot> snapshots);

  PrunePlan Finish() &&;

 private:
  const PruneOptions options_;
  const absl::TimeZone zone_;
  const PruneGuardOptions guards_;
  const absl::Time now_;
  size_t snapshots_ = 0;
  absl::btree_map<GroupName, PlannedGroup> groups_;
};

PruneCounts CountPlan(const PrunePlan& plan);

// The plan as text; the same for two plans if and only if they are the same
// but for reasons, which may be worded anew and name the clock:
//
//   cairn prune plan 1
//   keep last=0 hourly=0 daily=7 weekly=4 monthly=0 yearly=0 within=0h
//   time zone Europe/Vienna
//   guards last-good=1 clock=1 share=1 max-share=50
//   group datastores/d/groups/host/web1
//   1606608000 remove
//   1606694400 keep
//   group ...
//
// with 0 for a guard that was switched off, and a line feed behind each line.
std::string EncodePlan(const PrunePlan& plan);

// SHA-256 of the encoding, 64 characters of [0-9a-f]. Who executes a plan by
// its hash makes it anew from the state of then, and refuses if the hash is
// another one.
std::string PlanHash(const PrunePlan& plan);

}  // namespace cairn
