#pragma once

#include <cstdint>

#include "absl/random/bit_gen_ref.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"
#include "services/ingest/engine/backup_frontend.h"
#include "services/ingest/engine/bandwidth.h"
#include "services/ingest/engine/catalog_frontend.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/restore_frontend.h"
#include "services/ingest/engine/suite_status.h"
#include "services/ingest/metrics.h"
#include "services/maintenance/client/catalog_changes.h"

namespace cairn::ingest {

// Everything that ingest does, wired over its peers. Destroyed after its
// streams and readers. Thread-safe.
class IngestEngine {
 public:
  struct Options {
    BackupFrontend::Options backup;
    RestoreFrontend::Options restore;
    CatalogFrontend::Options catalog;
    // Bytes a second of all streams in, and of all streams out; 0: no limit.
    uint64_t write_bandwidth = 0;
    uint64_t read_bandwidth = 0;
  };
  // All outlive the engine; `random` is used by the engine alone.
  struct Dependencies {
    Peers peers;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    // Renews leases: its threads wait for maintenance and index alone, so that
    // a store that hangs, for which all of `executor` may wait, ends no lease.
    Executor* renewals = nullptr;
    absl::BitGenRef random;
    IngestMetrics* metrics = nullptr;
  };

  IngestEngine(const Options& options, const Dependencies& dependencies)
      : write_bandwidth_(
            options.write_bandwidth,
            {.clock = dependencies.clock,
             .executor = dependencies.executor,
             .throttled_seconds = &dependencies.metrics->writes_throttled}),
        read_bandwidth_(
            options.read_bandwidth,
            {.clock = dependencies.clock,
             .executor = dependencies.executor,
             .throttled_seconds = &dependencies.metrics->reads_throttled}),
        changes_(ForChanges(dependencies.peers, dependencies.clock)),
        backup_(options.backup, {.peers = dependencies.peers,
                                 .changes = &changes_,
                                 .clock = dependencies.clock,
                                 .executor = dependencies.executor,
                                 .renewals = dependencies.renewals,
                                 .metrics = dependencies.metrics,
                                 .write_bandwidth = &write_bandwidth_,
                                 .read_bandwidth = &read_bandwidth_}),
        restore_(options.restore,
                 {.peers = dependencies.peers,
                  .clock = dependencies.clock,
                  .executor = dependencies.executor,
                  .metrics = dependencies.metrics},
                 dependencies.renewals, dependencies.random),
        catalog_(options.catalog, dependencies.peers, dependencies.clock,
                 &changes_),
        observer_(dependencies.peers, dependencies.clock) {}

  // Takes over the bandwidths and the limits of sessions of `options`, while
  // it is used.
  void SetLimits(const Options& options) {
    write_bandwidth_.SetRate(options.write_bandwidth);
    read_bandwidth_.SetRate(options.read_bandwidth);
    const SessionRegistry::Options& sessions = options.backup.sessions;
    backup_.SetLimits(
        {.max_sessions = sessions.max_sessions,
         .max_sessions_per_client = sessions.max_sessions_per_client});
  }

  BackupFrontend& backup() { return backup_; }
  RestoreFrontend& restore() { return restore_; }
  CatalogFrontend& catalog() { return catalog_; }
  SuiteObserver& observer() { return observer_; }
  Bandwidth& write_bandwidth() { return write_bandwidth_; }
  Bandwidth& read_bandwidth() { return read_bandwidth_; }

 private:
  Bandwidth write_bandwidth_;
  Bandwidth read_bandwidth_;
  CatalogChanges changes_;
  BackupFrontend backup_;
  RestoreFrontend restore_;
  CatalogFrontend catalog_;
  SuiteObserver observer_;
};

}  // namespace cairn::ingest
