#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "services/chunk_storage/domain/sweep_rule.h"
#include "services/chunk_storage/engine/datastore_state.h"

namespace cairn::chunk_storage {

// The sweep that goes on in a datastore, if any.
struct CurrentSweep {
  SweepGuard guard;
  SweepRule rule;
};

// Which sweep goes on, and whose turn it is to work for one. In memory: after
// a restart there is no sweep. Thread-safe.
class SweepState {
 public:
  // Both outlive it.
  SweepState(const DatastoreState* state, Executor* executor)
      : state_(state), executor_(executor) {}

  void Begin(const CurrentSweep& sweep);
  void End(uint64_t token);
  // Aborted (SWEEP_LOST): another sweep has begun, or this one has ended, or
  // another index is believed.
  absl::StatusOr<CurrentSweep> Find(uint64_t token) const;

  // One at a time works on packs; others wait. Cancelled with the call.
  class Turn {
   public:
    explicit Turn(SweepState* state) : state_(state) {}
    ~Turn() { state_->Leave(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    SweepState* const state_;
  };
  absl::StatusOr<std::unique_ptr<Turn>> TakeTurn(const Call& call);

 private:
  void Leave();

  const DatastoreState* const state_;
  Executor* const executor_;
  mutable absl::Mutex mutex_;
  std::optional<CurrentSweep> current_ ABSL_GUARDED_BY(mutex_);
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn::chunk_storage
