#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/model/names.h"
#include "common/prune/prune_guards.h"
#include "common/prune/prune_selection.h"

// What a run is asked to do, as proto/cairn/maintenance/v1/task_service.proto
// says. Plain values, checked when they were decoded.
namespace cairn::maintenance {

inline constexpr uint32_t kDefaultLivePercent = 80;
inline constexpr size_t kMaxGroupFilters = 100;

// Of a datastore: a namespace with levels below it, one group, or one
// snapshot.
struct RunScope {
  NamespaceName parent;
  uint32_t max_depth = 0;           // levels below `parent`; 0: it alone
  std::optional<GroupName> group;   // set: it alone; `parent` is its own
  std::optional<int64_t> snapshot;  // with `group`: of that time alone
  const std::string& datastore() const { return parent.datastore; }
};

// All of the datastore.
inline bool IsWholeDatastore(const RunScope& scope) {
  return !scope.group.has_value() && scope.parent.path.is_root() &&
         scope.max_depth >= kMaxNamespaceDepth;
}

struct PruneRunOptions {
  RunScope scope;  // no snapshot
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  PruneOptions keep;
  std::string time_zone;                     // empty: UTC
  std::optional<absl::Duration> trash_time;  // none: the server's
  PruneGuardOptions guards;
  std::string plan_hash;  // empty: whatever the plan is
  bool validate_only = false;
};

struct GcRunOptions {
  std::string datastore;
  uint32_t live_percent = 0;           // 1..100; 0: the server's
  uint64_t copy_bytes_per_second = 0;  // 0: no limit
  uint64_t max_copy_bytes = 0;         // 0: no limit
  absl::Duration max_time = absl::InfiniteDuration();
  bool confirm_clock = false;
  bool allow_empty = false;
  bool validate_only = false;
};

struct VerifyRunOptions {
  RunScope scope;
  bool light = false;
  std::optional<absl::Duration> outdated_after;
  absl::Duration max_time = absl::InfiniteDuration();
  uint64_t max_bytes = 0;              // 0: no limit
  uint32_t max_share_permille = 0;     // of the datastore's bytes; 0: all
  uint64_t read_bytes_per_second = 0;  // 0: no limit
};

using RunOptions =
    std::variant<PruneRunOptions, GcRunOptions, VerifyRunOptions>;

}  // namespace cairn::maintenance
