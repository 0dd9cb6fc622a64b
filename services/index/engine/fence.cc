#include "services/index/engine/fence.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

FenceState StateOf(const DatastoreState& state)
    ABSL_SHARED_LOCKS_REQUIRED(state.gate) {
  return {.fence = state.numbers.fence,
          .sequence = state.numbers.sequence_limit - 1,
          .highest_epoch = state.numbers.highest_epoch,
          .highest_token = state.numbers.highest_token};
}

// Sessions that the new fence shuts out are open no more.
absl::Status ForgetFenced(const IndexStore& store, DatastoreState& state,
                          uint64_t fence, size_t& count)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate) {
  const IndexView view = store.NewView(state.info.ref.uuid);
  for (auto next = state.open_sessions.begin();
       next != state.open_sessions.end();) {
    const auto session = next++;
    ASSIGN_OR_RETURN(const std::optional<SessionRow> row,
                     view.GetSession(session->first));
    if (row.has_value() && row->epoch >= fence) continue;
    if (row.has_value()) {
      TrackSession(state, Uuid(session->first), *row);
    } else {
      state.open_sessions.erase(session);
    }
    ++count;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FenceState> Fence::Raise(const DatastoreRef& datastore,
                                        uint64_t cut, uint64_t token) {
  ASSIGN_OR_RETURN(DatastoreState* const state, datastores_->Find(datastore));
  absl::MutexLock lock(&state->gate);
  RETURN_IF_ERROR(RaiseLocked(*state, cut, token, state->numbers));
  return StateOf(*state);
}

absl::Status Fence::RaiseLocked(DatastoreState& state, uint64_t cut,
                                uint64_t token, IndexState numbers) {
  if (token < state.numbers.highest_token) {
    metrics_->stale_sweeps.Increment();
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "sweep token is ", token, ", datastore ", state.info.name,
            " has seen ", state.numbers.highest_token)),
        reason::kStaleToken);
  }
  numbers.fence = std::max(numbers.fence, cut);
  numbers.highest_token = token;
  if (numbers != state.numbers) {
    RETURN_IF_ERROR(CommitNumbers(*store_, state, numbers));
  }
  size_t fenced = 0;
  RETURN_IF_ERROR(ForgetFenced(*store_, state, numbers.fence, fenced));
  metrics_->open_sessions.Add(-static_cast<double>(fenced));
  metrics_->sessions_fenced.Increment(static_cast<double>(fenced));
  metrics_->fence_raises.Increment();
  absl::MutexLock touch_lock(&state.touch_mutex);
  state.touches.DiscardBelow(numbers.fence);
  return absl::OkStatus();
}

absl::StatusOr<FenceState> Fence::Get(const DatastoreRef& datastore) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->Find(datastore));
  absl::ReaderMutexLock lock(&state->gate);
  return StateOf(*state);
}

}  // namespace cairn::index
