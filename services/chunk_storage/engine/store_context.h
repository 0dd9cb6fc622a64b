#pragma once

#include <functional>

#include "common/concurrency/executor.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/chunk_storage/engine/fatal_latch.h"
#include "services/chunk_storage/engine/repository_options.h"
#include "services/chunk_storage/engine/space_gate.h"
#include "services/chunk_storage/engine/task_tracker.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/storage/pack_store.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// What the parts of one repository share. All of it is thread-safe, owned by
// the repository, and outlives the parts.
struct StoreContext {
  RepositoryOptions options;
  PackStore* packs = nullptr;
  PlaceStore* places = nullptr;
  const Clock* clock = nullptr;
  Executor* executor = nullptr;
  Executor* background = nullptr;  // of sweeps and verifies
  TaskTracker* tasks = nullptr;
  FatalLatch* latch = nullptr;
  SpaceGate* gate = nullptr;
  Metrics* metrics = nullptr;
  std::function<Uuid()> new_uuid;  // random, for names of packs
};

}  // namespace cairn::chunk_storage
