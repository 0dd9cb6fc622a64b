#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "tests/simulator/cluster.h"

namespace cairn::simulator {

// Clients that restore what there is, slowly.
class Reader {
 public:
  explicit Reader(Cluster* cluster)
      : cluster_(cluster), scheduler_(&cluster->scheduler()) {}

  // Until `stop`.
  void Run(const bool* stop);
  // Every archive of `backup` reads as what was backed up, from `ingest`.
  absl::Status ReadAll(const Ledger::Backup& backup, bool slowly);
  uint64_t restored() const { return restored_; }

 private:
  absl::Status Read(const Ledger::Backup& backup, const std::string& archive,
                    bool slowly);
  // A read that failed though it must not.
  void CheckFailure(const Ledger::Backup& backup, absl::Duration opened_at,
                    const absl::Status& status);

  Cluster* const cluster_;
  Scheduler* const scheduler_;
  uint64_t restored_ = 0;
};

}  // namespace cairn::simulator
