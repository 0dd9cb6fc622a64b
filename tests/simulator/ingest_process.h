#pragma once

#include <memory>
#include <random>
#include <string>

#include "services/ingest/engine/ingest_engine.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/session_upkeep.h"
#include "services/ingest/metrics.h"
#include "services/maintenance/client/catalog_changes.h"
#include "tests/simulator/network.h"
#include "tests/simulator/process.h"

namespace cairn::simulator {

// A replica of ingest; it has nothing durable.
class IngestProcess final : public Process {
 public:
  // `metrics`, and `peers` of Connect, outlive the process.
  IngestProcess(Scheduler* scheduler, Network* network, std::string name,
                ingest::IngestMetrics* metrics);
  // Before the first start.
  void Connect(const ingest::Peers& peers) { peers_ = peers; }

  // While it serves.
  ingest::IngestEngine& engine() { return *engine_; }

 protected:
  absl::Status Open() override;
  void Close() override;
  void Freeze() override {}
  void Thaw(bool) override {}
  void BreakConnections() override { network_->Break(this); }

 private:
  Network* const network_;
  ingest::IngestMetrics* const metrics_;
  ingest::Peers peers_;
  std::mt19937_64 random_;  // of the engine
  std::unique_ptr<CatalogChanges> changes_;
  std::unique_ptr<ingest::IngestEngine> engine_;
  std::unique_ptr<ingest::SessionUpkeep> upkeep_;
};

}  // namespace cairn::simulator
