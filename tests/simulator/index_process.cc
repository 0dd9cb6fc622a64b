#include "tests/simulator/index_process.h"

#include "common/status/status_macros.h"
#include "services/index/storage/index_store.h"

namespace cairn::simulator {
namespace {

// Small, so that small datastores take more than one step of everything.
index::IndexEngine::Options SmallSteps() {
  index::IndexEngine::Options options;
  options.sweeps.start.max_batch_rows = 2;
  return options;
}

}  // namespace

IndexProcess::IndexProcess(Scheduler* scheduler, Network* network,
                           index::IndexMetrics* metrics)
    : Process(scheduler, "index"),
      network_(network),
      metrics_(metrics),
      kv_(index::TableNames().size()) {}

absl::Status IndexProcess::Open() {
  ASSIGN_OR_RETURN(runs_, index::RunDirectory::Open(&files_, "/sweep"));
  ASSIGN_OR_RETURN(engine_, index::IndexEngine::Open(
                                SmallSteps(), &kv_, ++incarnation_, runs_.get(),
                                this, scheduler().random(), metrics_));
  sweeps_ = std::make_unique<LocalIndexSweepClient>(engine_.get());
  client_ = std::make_unique<LocalIndexClient>(
      engine_.get(), Caller{.kind = CallerKind::kLocal,
                            .role = CallerRole::kIngest,
                            .principal = "simulator@service"});
  return absl::OkStatus();
}

void IndexProcess::Close() {
  marks_.Clear();
  sweeps_.reset();
  client_.reset();
  engine_.reset();
  runs_.reset();
}

void IndexProcess::Freeze() {
  kv_.FailCommitsFrom(1, absl::UnavailableError("index is dead"));
}

void IndexProcess::Thaw(bool power_cut) {
  if (power_cut) kv_.PowerCut(scheduler().random());
  kv_.Recover();
}

}  // namespace cairn::simulator
