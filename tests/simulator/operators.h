#pragma once

#include <cstdint>

#include "tests/simulator/cluster.h"

namespace cairn::simulator {

// Those who take away what writers have made: they forget, undelete and prune,
// with and without a trash time, and run gc and verify. Each Run is a task of
// its own and goes on until `stop`.
class Operators {
 public:
  explicit Operators(Cluster* cluster)
      : cluster_(cluster), scheduler_(&cluster->scheduler()) {}

  void RunForgets(const bool* stop);
  void RunSweeps(const bool* stop);

  // One gc of everything that can go. `cancel_odds`: at each step.
  absl::StatusOr<maintenance::GcRunResult> Gc(
      const maintenance::GcRunOptions& asked, double cancel_odds);
  uint64_t sweeps() const { return sweeps_; }

 private:
  Ledger::Backup* DrawBackup();
  void Forget(Ledger::Backup& backup);
  void Undelete(Ledger::Backup& backup);
  void Prune();
  void Verify();
  absl::Duration DrawTrashTime();

  Cluster* const cluster_;
  Scheduler* const scheduler_;
  uint64_t sweeps_ = 0;
};

}  // namespace cairn::simulator
