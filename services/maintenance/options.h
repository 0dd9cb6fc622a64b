#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/config/settings.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/engine/coordinator_rounds.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/engine/prune_run.h"
#include "services/maintenance/engine/task_registry.h"
#include "services/maintenance/engine/task_runner.h"
#include "services/maintenance/engine/task_work.h"

namespace cairn::maintenance {

// How maintenance works, alone or in cairnd. The fields hold the defaults.
struct Options {
  // For requests that name none. Long enough for a holder to miss a few
  // renewals, short enough that a crash blocks its group for a minute.
  absl::Duration default_lease_ttl = absl::Seconds(60);
  // Of one datastore, expired ones that may come back included. A lease
  // takes about a kilobyte of memory.
  int64_t max_leases = 10000;
  // How soon a restarted chunk_storage is told the epoch.
  absl::Duration round_period = absl::Seconds(10);
  // Prunes, gcs and verifies at one time, each on a thread of its own.
  int64_t max_running_tasks = 8;
  // What is kept of tasks of one datastore that have ended.
  int64_t max_kept_tasks = 1000;
  absl::Duration task_retention = absl::Hours(24 * 90);
  // For a prune that names none; as ingest's, for what is forgotten by hand.
  absl::Duration trash_time = absl::Hours(24 * 7);
  // For a gc that names none: packs of which less is live are compacted. Each
  // per cent more frees at most as much of the packs, and copies more.
  int64_t gc_live_percent = kDefaultLivePercent;
  // RocksDB of a few thousand small rows.
  uint64_t block_cache_bytes = uint64_t{4} << 20;
  uint64_t write_buffer_bytes = uint64_t{4} << 20;
  // What RocksDB must have left on its disk.
  uint64_t reserve_bytes = uint64_t{32} << 20;
  uint64_t ballast_bytes = uint64_t{16} << 20;

  // InvalidArgument names the setting.
  absl::Status Validate() const;
  LeaseCoordinator::Options Coordinator() const;
  CoordinatorRounds::Options Rounds() const;
  TaskRegistry::Options Tasks() const;
  TaskRunner::Options Runner() const;
  TaskWork::Options Work() const;
  Pruner::Options Prune() const;
};

// `prefix` is put before each name: "" or "maintenance-". `options` outlives
// `settings`.
void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options);

// Where the services are that maintenance calls, when they are not in its
// process. The fields hold the defaults.
struct PeerOptions {
  std::string index = "127.0.0.1:9441";
  std::string chunk_storage = "127.0.0.1:9442";
};
void RegisterPeerSettings(Settings& settings, PeerOptions* options);

}  // namespace cairn::maintenance
