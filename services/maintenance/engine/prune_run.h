#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/prune/prune_plan.h"
#include "common/time/clock.h"
#include "services/index/client/catalog_client.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/engine/run_control.h"

namespace cairn::maintenance {

// Takes a change of the catalog through its three steps (CatalogChanges).
using ApplyChange = std::function<absl::Status(
    const Call& call, const std::string& datastore, const CatalogChange&)>;

// What a prune would do, and the figures of it.
struct PlannedPrune {
  PrunePlan plan;
  PruneRunResult result;  // `forgotten`: that would be; nothing has failed
};

// Prunes: lists what is in a scope, plans by the rules of common/prune, and
// forgets what the plan removes, oldest first. Thread-safe.
class Pruner {
 public:
  struct Options {
    // Of one call to index.
    absl::Duration call_timeout = absl::Minutes(1);
    absl::Duration trash_time = absl::Hours(24 * 7);  // if the task names none
    size_t batch = kMaxSnapshotsPerChange;
    // Lines of the log that name a snapshot; the plan names all.
    size_t max_named = 1000;
  };
  // All outlive the object.
  struct Dependencies {
    const Clock* clock = nullptr;
    CatalogClient* catalog = nullptr;
    ApplyChange apply;
  };

  Pruner(const Options& options, const Dependencies& dependencies)
      : options_(options), dependencies_(dependencies) {}

  // Changes nothing. `call` is of who asks; its cancellation ends it.
  // InvalidArgument: a filter or the time zone; ResourceExhausted: the plan
  // would be too large.
  absl::StatusOr<PlannedPrune> Plan(const Call& call,
                                    const PruneRunOptions& asked) const;

  // FailedPrecondition (PLAN_CHANGED): the plan has another hash than asked
  // for; nothing was forgotten. What cannot be forgotten is logged and
  // counted, and the rest goes on.
  absl::StatusOr<PruneRunResult> Run(const PruneRunOptions& asked,
                                     RunControl& control) const;

 private:
  struct Forgotten {
    uint64_t done = 0;
    uint64_t failed = 0;
  };

  absl::Status AddGroups(const Call& call, const PruneRunOptions& asked,
                         PrunePlanner& planner) const;
  absl::StatusOr<Forgotten> Forget(const PruneRunOptions& asked,
                                   const PrunePlan& plan,
                                   RunControl& control) const;
  Forgotten ForgetBatch(const PruneRunOptions& asked,
                        std::span<const SnapshotName> names,
                        RunControl& control) const;

  const Options options_;
  const Dependencies dependencies_;
};

}  // namespace cairn::maintenance
