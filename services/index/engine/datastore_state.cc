#include "services/index/engine/datastore_state.h"

#include "common/status/status_macros.h"

namespace cairn::index {

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
