#pragma once

#include <memory>

#include "common/io/sync_observer.h"
#include "common/time/clock.h"
#include "rocksdb/env.h"

namespace cairn {

// The machine's files for RocksDB, each sync of which is told to `observer`.
// `clock` outlives the result.
std::unique_ptr<rocksdb::Env> NewObservedEnv(
    const Clock* clock, std::shared_ptr<SyncObserver> observer);

}  // namespace cairn
