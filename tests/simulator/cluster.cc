#include "tests/simulator/cluster.h"

#include "absl/strings/str_cat.h"
#include "common/metrics/metric_registry.h"

namespace cairn::simulator {
namespace {

// Shared by all runs: nothing that is simulated looks at them, and they take
// longer to make than everything else of a run.
struct AllMetrics {
  MetricRegistry registry;
  index::IndexMetrics index{&registry};
  chunk_storage::Metrics store{&registry};
  maintenance::MaintenanceMetrics maintenance{&registry};
  ingest::IngestMetrics ingest{&registry};
};
AllMetrics& SharedMetrics() {
  static auto* const metrics = new AllMetrics;
  return *metrics;
}

}  // namespace

Cluster::IngestPeers::IngestPeers(Cluster* cluster, IngestProcess* from)
    : index(&cluster->network_, from, &cluster->index_),
      chunks(&cluster->network_, from, &cluster->store_),
      leases(&cluster->network_, from, &cluster->maintenance_,
             &cluster->leases_) {}

Cluster::Cluster(Scheduler* scheduler)
    : scheduler_(scheduler),
      network_(scheduler),
      verdict_(scheduler),
      ledger_(scheduler),
      leases_(scheduler, &verdict_),
      client_(scheduler),
      index_(scheduler, &network_, &SharedMetrics().index),
      store_(scheduler, &network_, &verdict_, &SharedMetrics().store),
      maintenance_(scheduler, &network_, &SharedMetrics().maintenance),
      maintenance_index_(&network_, &maintenance_, &index_),
      maintenance_index_sweeps_(&network_, &maintenance_, &index_),
      maintenance_chunks_(&network_, &maintenance_, &store_),
      maintenance_store_sweeps_(&network_, &maintenance_, &store_) {
  maintenance_.Connect({.catalog = &maintenance_index_,
                        .fence = &maintenance_index_,
                        .chunks = &maintenance_chunks_,
                        .index = &maintenance_index_sweeps_,
                        .store = &maintenance_store_sweeps_});
  processes_ = {&index_, &store_, &maintenance_};
  for (size_t i = 0; i < kReplicas; ++i) {
    ingests_.push_back(std::make_unique<IngestProcess>(
        scheduler, &network_, absl::StrCat("ingest-", i),
        &SharedMetrics().ingest));
    ingest_peers_.push_back(
        std::make_unique<IngestPeers>(this, ingests_.back().get()));
    IngestPeers& peers = *ingest_peers_.back();
    ingests_.back()->Connect({.catalog = &peers.index,
                              .sessions = &peers.index,
                              .chunks = &peers.chunks,
                              .leases = &peers.leases});
    processes_.push_back(ingests_.back().get());
  }
}

Cluster::~Cluster() {
  for (auto process = processes_.rbegin(); process != processes_.rend();
       ++process) {
    if ((*process)->up()) Kill(*process, /*power_cut=*/false);
  }
}

IngestProcess& Cluster::any_ingest() {
  return *ingests_[scheduler_->Draw(kReplicas)];
}

void Cluster::StartAll() {
  for (Process* const process : processes_) {
    if (!process->up()) process->Start();
  }
}

void Cluster::Kill(Process* process, bool power_cut) {
  const absl::Status ended = process->Kill(power_cut);
  if (!ended.ok()) verdict_.Fail(ended.ToString());
}

}  // namespace cairn::simulator
