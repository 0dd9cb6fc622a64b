#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "common/model/call.h"
#include "common/model/datastore.h"
#include "tests/simulator/index_process.h"
#include "tests/simulator/ingest_process.h"
#include "tests/simulator/lease_watch.h"
#include "tests/simulator/ledger.h"
#include "tests/simulator/maintenance_process.h"
#include "tests/simulator/network.h"
#include "tests/simulator/remote_index.h"
#include "tests/simulator/remote_leases.h"
#include "tests/simulator/remote_store.h"
#include "tests/simulator/scheduler.h"
#include "tests/simulator/store_process.h"
#include "tests/simulator/verdict.h"

namespace cairn::simulator {

inline constexpr size_t kReplicas = 2;

// The four services, two replicas of ingest, as they are deployed: each a
// process of its own that reaches the others over the network only.
class Cluster {
 public:
  explicit Cluster(Scheduler* scheduler);
  ~Cluster();

  Scheduler& scheduler() { return *scheduler_; }
  Network& network() { return network_; }
  Verdict& verdict() { return verdict_; }
  Ledger& ledger() { return ledger_; }
  LeaseWatch& leases() { return leases_; }

  IndexProcess& index() { return index_; }
  StoreProcess& store() { return store_; }
  MaintenanceProcess& maintenance() { return maintenance_; }
  IngestProcess& ingest(size_t replica) { return *ingests_[replica]; }
  IngestProcess& any_ingest();
  Process& client() { return client_; }
  // Those that can die, in the order in which they start.
  const std::vector<Process*>& processes() const { return processes_; }

  void StartAll();
  // The first process that does not come to its end ends the run.
  void Kill(Process* process, bool power_cut);
  // As an administrator, with all the time there is.
  const Call& admin() const { return admin_; }

 private:
  Scheduler* const scheduler_;
  Network network_;
  Verdict verdict_;
  Ledger ledger_;
  LeaseWatch leases_;
  Outside client_;
  IndexProcess index_;
  StoreProcess store_;
  MaintenanceProcess maintenance_;
  std::vector<std::unique_ptr<IngestProcess>> ingests_;
  std::vector<Process*> processes_;

  RemoteIndex maintenance_index_;
  RemoteIndexSweeps maintenance_index_sweeps_;
  RemoteChunks maintenance_chunks_;
  RemoteStoreSweeps maintenance_store_sweeps_;
  struct IngestPeers {
    IngestPeers(Cluster* cluster, IngestProcess* from);
    RemoteIndex index;
    RemoteChunks chunks;
    RemoteLeases leases;
  };
  std::vector<std::unique_ptr<IngestPeers>> ingest_peers_;

  const Call admin_ = {
      .caller = {CallerKind::kUnix, CallerRole::kAdmin, "root@unix"}};
};

}  // namespace cairn::simulator
