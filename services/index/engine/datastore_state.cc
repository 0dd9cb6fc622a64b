#include "services/index/engine/datastore_state.h"

#include "common/status/status_macros.h"
#include "services/index/domain/session_rules.h"

namespace cairn::index {

int TrackSession(DatastoreState& state, const Uuid& session,
                 const SessionRow& row) {
  if (IsUncancelled(row, state.numbers.fence)) {
    state.uncancelled.insert(session);
  } else {
    state.uncancelled.erase(session);
  }
  if (DeriveState(row, state.numbers.fence) != SessionState::kOpen) {
    return -static_cast<int>(state.open_sessions.erase(session));
  }
  const NamespacePath& path = row.snapshot.group.parent.path;
  return state.open_sessions.emplace(session, path).second ? 1 : 0;
}

absl::Status CommitNumbers(IndexStore& store, DatastoreState& state,
                           const IndexState& numbers) {
  IndexBatch batch(state.info.ref.uuid);
  batch.PutState(numbers);
  batch.PassGate();
  RETURN_IF_ERROR(store.Commit(batch, Durability::kSynced));
  state.numbers = numbers;
  return absl::OkStatus();
}

uint64_t TakeSequence(const DatastoreState& state, IndexBatch& batch,
                      IndexState& numbers) {
  numbers = state.numbers;
  const uint64_t sequence = numbers.sequence_limit++;
  batch.PutState(numbers);
  return sequence;
}

}  // namespace cairn::index
