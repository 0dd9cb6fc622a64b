#pragma once

#include <cstdint>

#include "tests/simulator/cluster.h"

namespace cairn::simulator {

// Kills, power cuts, pauses and failures of disks, at times drawn at random,
// outside of all tasks; and the restarts after them.
class Chaos {
 public:
  // Every `mean` on average.
  Chaos(Cluster* cluster, absl::Duration mean)
      : cluster_(cluster), scheduler_(&cluster->scheduler()), mean_(mean) {}

  void Begin() { Arm(); }
  // No more of it, and all disks are well.
  void End();
  // Ends processes whose disk has failed. Between two steps.
  void EndFailed();
  uint64_t strokes() const { return strokes_; }

 private:
  void Arm();
  void Strike();
  void Kill(Process* process, bool power_cut);
  void FailDisk();
  Process* Draw();

  Cluster* const cluster_;
  Scheduler* const scheduler_;
  const absl::Duration mean_;
  bool over_ = false;
  uint64_t strokes_ = 0;
};

}  // namespace cairn::simulator
