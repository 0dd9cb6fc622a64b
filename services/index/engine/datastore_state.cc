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

absl::StatusOr<uint64_t> TakeSequence(IndexStore& store,
                                      DatastoreState& state) {
  if (state.next_sequence >= state.numbers.sequence_limit) {
    IndexState numbers = state.numbers;
    numbers.sequence_limit = state.next_sequence + kSequenceBlock;
    RETURN_IF_ERROR(CommitNumbers(store, state, numbers));
  }
  return state.next_sequence++;
}

}  // namespace cairn::index
