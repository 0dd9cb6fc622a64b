#include "services/index/engine/sweep_engine.h"

#include <optional>

#include "common/status/status_macros.h"
#include "services/index/engine/gone_events.h"
#include "services/index/engine/sweep_mark.h"

namespace cairn::index {

SweepEngine::SweepEngine(const Options& options, IndexStore* store,
                         const DatastoreRegistry* datastores, Fence* fence,
                         RunDirectory* runs, const Clock* clock,
                         IndexMetrics* metrics)
    : options_(options),
      datastores_(datastores),
      runs_(runs),
      clock_(clock),
      metrics_(metrics),
      start_(options.start, store, fence, clock, &sweeps_, metrics),
      page_drop_(store, metrics),
      gone_removal_(store) {}

absl::StatusOr<std::shared_ptr<Sweep>> SweepEngine::Find(
    const DatastoreRef& datastore, uint64_t token) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->Find(datastore));
  return sweeps_.Find(state->info, token);
}

absl::StatusOr<IndexSweep> SweepEngine::Begin(
    const DatastoreRef& datastore, const IndexSweepRequest& request) {
  ASSIGN_OR_RETURN(DatastoreState* const state, datastores_->Find(datastore));
  return start_.Begin(*state, request);
}

absl::StatusOr<GoneEvents> SweepEngine::ListGoneEvents(
    const DatastoreRef& datastore, uint64_t token, uint64_t after_sequence) {
  ASSIGN_OR_RETURN(const auto sweep, Find(datastore, token));
  return index::ListGoneEvents(*sweep, after_sequence);
}

absl::StatusOr<std::unique_ptr<MarkStream>> SweepEngine::Mark(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    const std::vector<std::string>& leased_snapshots,
    MarkProgressSink progress) {
  ASSIGN_OR_RETURN(const auto sweep, Find(datastore, token));
  return MarkSweep(call, *sweep, leased_snapshots, options_.walk, runs_,
                   *clock_, *metrics_, progress);
}

absl::StatusOr<DroppedPages> SweepEngine::DropPages(
    const DatastoreRef& datastore, uint64_t token, uint32_t max_pages,
    bool dry_run) {
  ASSIGN_OR_RETURN(const auto sweep, Find(datastore, token));
  return page_drop_.Drop(*sweep, max_pages, dry_run);
}

absl::StatusOr<EndedSweep> SweepEngine::End(const DatastoreRef& datastore,
                                            uint64_t token, bool remove_gone) {
  const absl::StatusOr<std::shared_ptr<Sweep>> sweep = Find(datastore, token);
  if (!sweep.ok()) {
    // The answer of the first call may have been lost.
    const std::optional<EndedSweep> ended =
        sweeps_.FindEnded(datastore.uuid, token);
    if (ended.has_value()) return *ended;
    if (!remove_gone && absl::IsAborted(sweep.status())) return EndedSweep{};
    return sweep.status();
  }
  EndedSweep ended;
  if (remove_gone && !(*sweep)->validate_only) {
    ASSIGN_OR_RETURN(ended, gone_removal_.Remove(**sweep));
  }
  sweeps_.End(**sweep, ended);
  return ended;
}

}  // namespace cairn::index
