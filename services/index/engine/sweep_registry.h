#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/model/datastore.h"
#include "common/model/uuid.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/sweep.h"

namespace cairn::index {

// The sweeps that are under way, one a datastore at most. Thread-safe.
class SweepRegistry {
 public:
  // Aborted (SWEEP_LOST): there is none with this token.
  absl::StatusOr<std::shared_ptr<Sweep>> Find(const Datastore& datastore,
                                              uint64_t token) const;

  // Whichever there is is lost from now on.
  void Lose(const Uuid& datastore);
  // The same, and `sweep` takes its place.
  void Install(std::shared_ptr<Sweep> sweep);

  // `sweep` is over; what came out is remembered until the next one is.
  void End(const Sweep& sweep, const EndedSweep& ended);
  // Of the last sweep that ended, if it had this token.
  std::optional<EndedSweep> FindEnded(const Uuid& datastore,
                                      uint64_t token) const;

 private:
  struct Ended {
    uint64_t token = 0;
    EndedSweep ended;
  };

  mutable absl::Mutex mutex_;
  std::map<Uuid, std::shared_ptr<Sweep>> sweeps_ ABSL_GUARDED_BY(mutex_);
  std::map<Uuid, Ended> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::index
