#include "tests/simulator/ingest_process.h"

#include <utility>

namespace cairn::simulator {
namespace {

// Small, so that small archives use every part of the engine.
ingest::IngestEngine::Options SmallSteps() {
  ingest::IngestEngine::Options options;
  options.backup.writer.watermark_interval_bytes = 16 << 10;
  options.backup.writer.batch_bytes = 12 << 10;
  options.backup.writer.batch_chunks = 3;
  options.backup.writer.min_spliced_entries = 2;
  options.backup.writer.max_workers = 2;
  options.restore.reader.window_entries = 3;
  options.restore.reader.max_queued_entries = 4;
  return options;
}

}  // namespace

IngestProcess::IngestProcess(Scheduler* scheduler, Network* network,
                             std::string name, ingest::IngestMetrics* metrics)
    : Process(scheduler, std::move(name)),
      network_(network),
      metrics_(metrics),
      random_(scheduler->random()()) {}

absl::Status IngestProcess::Open() {
  engine_ = std::make_unique<ingest::IngestEngine>(
      SmallSteps(), ingest::IngestEngine::Dependencies{.peers = peers_,
                                                       .clock = this,
                                                       .executor = &executor(),
                                                       .renewals = &executor(),
                                                       .random = random_,
                                                       .metrics = metrics_});
  changes_ = std::make_unique<CatalogChanges>(ingest::ForChanges(peers_, this));
  upkeep_ = std::make_unique<ingest::SessionUpkeep>(
      ingest::SessionUpkeep::Options{},
      ingest::SessionUpkeep::Dependencies{.peers = peers_,
                                          .changes = changes_.get(),
                                          .clock = this,
                                          .executor = &executor()});
  upkeep_->Start();
  return absl::OkStatus();
}

void IngestProcess::Close() {
  upkeep_.reset();
  changes_.reset();
  engine_.reset();
}

}  // namespace cairn::simulator
