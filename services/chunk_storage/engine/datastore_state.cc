#include "services/chunk_storage/engine/datastore_state.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

absl::Status GenerationMismatch(const DatastoreRef& known,
                                uint64_t generation) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "datastore ", known.uuid.ToString(), " has generation ",
                        known.generation, " here, the call is of generation ",
                        generation, "; is this the right index?")),
                    reason::kGenerationMismatch);
}

}  // namespace

uint64_t NewLossMark(const StoreContext& context) {
  const Uuid random = context.new_uuid();
  uint64_t mark = 0;
  std::memcpy(&mark, random.bytes.data(), sizeof(mark));
  return std::max<uint64_t>(mark, 1);
}

StoredDatastore DatastoreState::row() const {
  absl::MutexLock lock(&mutex_);
  return row_;
}

uint64_t DatastoreState::sequence() const {
  absl::MutexLock lock(&mutex_);
  return sequence_;
}

void DatastoreState::SequenceIsDurable(uint64_t sequence) {
  absl::MutexLock lock(&mutex_);
  sequence_ = std::max(sequence_, sequence);
}

absl::Status DatastoreState::Save(const StoredDatastore& row) {
  const absl::Status saved = context_->places->SaveDatastore(row);
  if (saved.ok()) {
    row_ = row;
    return saved;
  }
  return absl::IsResourceExhausted(saved) ? saved
                                          : context_->latch->Fail(saved);
}

absl::Status DatastoreState::AdoptGeneration(uint64_t generation) {
  absl::MutexLock lock(&mutex_);
  if (row_.ref.generation == generation) return absl::OkStatus();
  // A rebuild of index counts on from the highest generation there was, so a
  // lower one is a copy from before it.
  if (row_.ref.generation > generation) {
    return GenerationMismatch(row_.ref, generation);
  }
  StoredDatastore row = row_;
  row.ref.generation = generation;
  return Save(row);
}

absl::Status DatastoreState::CheckGeneration(uint64_t generation) const {
  absl::MutexLock lock(&mutex_);
  if (row_.ref.generation == generation) return absl::OkStatus();
  if (row_.ref.generation == 0) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "datastore ", row_.ref.uuid.ToString(),
                          " has no generation here; ensure it first")),
                      reason::kDatastoreUnknown);
  }
  return GenerationMismatch(row_.ref, generation);
}

absl::Status DatastoreState::ShowToken(uint64_t token,
                                       uint64_t index_sequence) {
  absl::MutexLock lock(&mutex_);
  if (index_sequence < sequence_) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "index has handed out numbers up to ", index_sequence,
                          " in datastore ", row_.ref.uuid.ToString(),
                          ", and change ", sequence_,
                          " is stored here: it is an old copy; put the newest "
                          "one back, or rebuild it from the packs")),
                      reason::kIndexBehind);
  }
  if (token == row_.token) return absl::OkStatus();
  if (token < row_.token) {
    context_->metrics->stale_sweeps.Increment();
    return WithReason(
        absl::FailedPreconditionError(
            absl::StrCat("sweep token ", token, " is stale: ", row_.token,
                         " was shown to datastore ", row_.ref.uuid.ToString())),
        reason::kStaleToken);
  }
  StoredDatastore row = row_;
  row.token = token;
  return Save(row);
}

absl::Status SweepLost(const DatastoreRef& datastore, uint64_t token) {
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "sweep of token ", token, " is not the sweep of datastore ",
          datastore.uuid.ToString(), " any more; begin a new one")),
      reason::kSweepLost);
}

absl::Status DatastoreState::CommitSweep(const SweepGuard& guard,
                                         const SweepBatch& batch) {
  absl::MutexLock lock(&mutex_);
  if (row_.token != guard.token || row_.ref.generation != guard.generation) {
    return SweepLost(row_.ref, guard.token);
  }
  const absl::Status committed =
      context_->places->CommitSweep(row_.number, batch);
  if (committed.ok() || absl::IsResourceExhausted(committed)) return committed;
  return context_->latch->Fail(committed);
}

absl::Status DatastoreState::DrawLossMark() {
  absl::MutexLock lock(&mutex_);
  row_.loss_mark = NewLossMark(*context_);
  return Save(StoredDatastore(row_));
}

absl::Status DatastoreState::CommitSealed(SealBatch batch) {
  absl::MutexLock lock(&mutex_);
  batch.datastore = row_;
  batch.datastore.sequence =
      std::max(row_.sequence, batch.pack.highest_sequence);
  batch.datastore.highest_epoch =
      std::max(row_.highest_epoch, batch.pack.highest_epoch);
  const absl::Status committed = context_->places->CommitSealed(batch);
  if (!committed.ok()) {
    return absl::IsResourceExhausted(committed)
               ? committed
               : context_->latch->Fail(committed);
  }
  row_ = batch.datastore;
  sequence_ = std::max(sequence_, row_.sequence);
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
