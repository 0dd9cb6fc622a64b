#pragma once

#include "absl/random/bit_gen_ref.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"
#include "services/ingest/engine/backup_frontend.h"
#include "services/ingest/engine/catalog_changes.h"
#include "services/ingest/engine/catalog_frontend.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/restore_frontend.h"
#include "services/ingest/engine/suite_status.h"
#include "services/ingest/metrics.h"

namespace cairn::ingest {

// Everything that ingest does, wired over its peers. Destroyed after its
// streams and readers. Thread-safe.
class IngestEngine {
 public:
  struct Options {
    BackupFrontend::Options backup;
    RestoreFrontend::Options restore;
  };
  // All outlive the engine; `random` is used by the engine alone.
  struct Dependencies {
    Peers peers;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    absl::BitGenRef random;
    IngestMetrics* metrics = nullptr;
  };

  IngestEngine(const Options& options, const Dependencies& dependencies)
      : changes_(dependencies.peers, dependencies.clock),
        backup_(options.backup, {.peers = dependencies.peers,
                                 .changes = &changes_,
                                 .clock = dependencies.clock,
                                 .executor = dependencies.executor,
                                 .metrics = dependencies.metrics}),
        restore_(options.restore,
                 {.peers = dependencies.peers,
                  .clock = dependencies.clock,
                  .executor = dependencies.executor,
                  .metrics = dependencies.metrics},
                 dependencies.random),
        catalog_(dependencies.peers, dependencies.clock, &changes_),
        observer_(dependencies.peers, dependencies.clock) {}

  BackupFrontend& backup() { return backup_; }
  RestoreFrontend& restore() { return restore_; }
  CatalogFrontend& catalog() { return catalog_; }
  SuiteObserver& observer() { return observer_; }

 private:
  CatalogChanges changes_;
  BackupFrontend backup_;
  RestoreFrontend restore_;
  CatalogFrontend catalog_;
  SuiteObserver observer_;
};

}  // namespace cairn::ingest
