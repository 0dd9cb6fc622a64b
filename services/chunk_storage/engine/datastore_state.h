#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// Random, above 0.
uint64_t NewLossMark(const StoreContext& context);

// Aborted, SWEEP_LOST.
absl::Status SweepLost(const DatastoreRef& datastore, uint64_t token);

// For whom a sweep works: nothing is dropped for another one.
struct SweepGuard {
  uint64_t token = 0;
  uint64_t generation = 0;
};

// The numbers of one datastore and its row, which only this object writes.
// Thread-safe.
class DatastoreState {
 public:
  // `row` as it is stored. `context` outlives the state.
  DatastoreState(const StoreContext* context, const StoredDatastore& row)
      : context_(context), row_(row), sequence_(row.sequence) {}

  StoredDatastore row() const;
  // Highest in a durable manifest or event.
  uint64_t sequence() const;
  void SequenceIsDurable(uint64_t sequence);

  // OK for the row's generation. A row without one, or with a lower one, takes
  // it, durably. FailedPrecondition (GENERATION_MISMATCH) for a lower one.
  absl::Status AdoptGeneration(uint64_t generation);
  absl::Status CheckGeneration(uint64_t generation) const;

  // Remembers the token, durably. FailedPrecondition (STALE_TOKEN): a higher
  // one was shown before; (INDEX_BEHIND): `index_sequence` is below sequence().
  absl::Status ShowToken(uint64_t token, uint64_t index_sequence);

  // Commits a step of a sweep. Aborted (SWEEP_LOST): the token is not the
  // highest any more, or another index is believed; nothing was written. A
  // token that is shown waits for the step, so that none takes effect after
  // its answer. Else as CommitSealed.
  absl::Status CommitSweep(const SweepGuard& guard, const SweepBatch& batch);

  // A new loss mark, durably; never the former. What cannot be saved holds
  // for this process, and goes with the next save of the row. Errors as
  // CommitSealed.
  absl::Status DrawLossMark();

  // Commits `batch` with this datastore's row in it. ResourceExhausted:
  // nothing was written. Unavailable: durability is unknown.
  absl::Status CommitSealed(SealBatch batch);

 private:
  absl::Status Save(const StoredDatastore& row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const StoreContext* const context_;
  mutable absl::Mutex mutex_;  // held over commits: rows are written in order
  StoredDatastore row_ ABSL_GUARDED_BY(mutex_);
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::chunk_storage
