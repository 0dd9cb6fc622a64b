#pragma once

#include <memory>

#include "absl/random/bit_gen_ref.h"
#include "common/concurrency/executor.h"
#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/metrics.h"

namespace cairn {

// The real coordinator over a store in memory, for the tests of other
// services and for simulation. Thread-safe but for Restart and PowerCut, which
// no call may overlap.
class InMemoryMaintenance {
 public:
  // All outlive the object.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    CatalogClient* catalog = nullptr;
    FenceClient* fence = nullptr;
    ChunkClient* chunks = nullptr;
  };

  explicit InMemoryMaintenance(const Dependencies& dependencies);
  ~InMemoryMaintenance();

  // Valid until the next Restart or PowerCut.
  LeaseClient& client() { return *client_; }
  maintenance::LeaseCoordinator& coordinator() { return *coordinator_; }

  // A new process on what is durable.
  void Restart();
  // The same after a loss of power.
  void PowerCut(absl::BitGenRef random);

 private:
  void Open();

  const Dependencies dependencies_;
  MemoryKvStore kv_;
  MetricRegistry registry_;
  maintenance::MaintenanceMetrics metrics_;
  std::unique_ptr<maintenance::LeaseCoordinator> coordinator_;
  std::unique_ptr<LeaseClient> client_;
};

}  // namespace cairn
