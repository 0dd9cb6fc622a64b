#pragma once

#include <memory>

#include "common/kv/memory_kv_store.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/sweep_client.h"
#include "services/maintenance/client/catalog_changes.h"
#include "services/maintenance/client/local_lease_client.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/engine/coordinator_rounds.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/engine/sweep_session.h"
#include "services/maintenance/metrics.h"
#include "services/maintenance/storage/sweep_store.h"
#include "tests/simulator/network.h"
#include "tests/simulator/process.h"

namespace cairn::simulator {

// The engine of maintenance over rows in memory, with the runs that tasks
// consist of.
class MaintenanceProcess final : public Process {
 public:
  // All outlive the process.
  struct Peers {
    CatalogClient* catalog = nullptr;
    FenceClient* fence = nullptr;
    ChunkClient* chunks = nullptr;
    IndexSweepClient* index = nullptr;
    StoreSweepClient* store = nullptr;
  };

  MaintenanceProcess(Scheduler* scheduler, Network* network,
                     maintenance::MaintenanceMetrics* metrics);
  // Before the first start.
  void Connect(const Peers& peers) { peers_ = peers; }

  // While it serves.
  LocalLeaseClient& client() { return *client_; }
  maintenance::LeaseCoordinator& coordinator() { return *coordinator_; }

  // Runs of tasks, in a task of this process. They end when it dies, and
  // before that with `cancel_odds` at each step.
  absl::StatusOr<maintenance::GcRunResult> Gc(
      const maintenance::GcRunOptions& asked, double cancel_odds);
  absl::StatusOr<maintenance::VerifyRunResult> Verify(
      const maintenance::VerifyRunOptions& asked, double cancel_odds);
  absl::StatusOr<maintenance::PruneRunResult> Prune(
      const maintenance::PruneRunOptions& asked);

  MemoryKvStore& kv() { return kv_; }

 protected:
  absl::Status Open() override;
  void Close() override;
  void Freeze() override;
  void Thaw(bool power_cut) override;
  void BreakConnections() override { network_->Break(this); }

 private:
  maintenance::RunPeers ForRuns();

  Network* const network_;
  maintenance::MaintenanceMetrics* const metrics_;
  Peers peers_;
  MemoryKvStore kv_;
  std::unique_ptr<maintenance::LeaseCoordinator> coordinator_;
  std::unique_ptr<maintenance::CoordinatorRounds> rounds_;
  std::unique_ptr<maintenance::SweepStore> sweeps_;
  std::unique_ptr<CatalogChanges> changes_;
  std::unique_ptr<LocalLeaseClient> client_;
};

}  // namespace cairn::simulator
