#include "tests/simulator/maintenance_process.h"

#include <utility>

#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"
#include "services/maintenance/engine/gc_run.h"
#include "services/maintenance/engine/prune_run.h"
#include "services/maintenance/engine/verify_run.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::simulator {
namespace {

using maintenance::LeaseStore;
using maintenance::SweepStore;

constexpr absl::Duration kPeerTimeout = absl::Minutes(1);

// A run that takes its time, and is cancelled now and then.
class SimControl final : public maintenance::RunControl {
 public:
  SimControl(Process* process, double cancel_odds)
      : process_(process), cancel_odds_(cancel_odds) {}

  absl::Status Checkpoint() override {
    Scheduler& scheduler = process_->scheduler();
    // A real one takes hours, in which everything else goes on.
    if (scheduler.Chance(0.3)) {
      scheduler.Sleep(absl::Milliseconds(scheduler.Draw(15'000)));
    } else {
      scheduler.Yield();
    }
    if (process_->dying()) return absl::CancelledError("the process dies");
    if (scheduler.Chance(cancel_odds_)) token_.Cancel();
    return token_.Check();
  }
  const CancellationToken* cancellation() const override { return &token_; }
  void SetPhase(std::string_view phase) override {
    Scheduler& scheduler = process_->scheduler();
    scheduler.trace().Add(scheduler.now(), absl::StrCat("phase ", phase));
  }
  void SetCounter(std::string_view, uint64_t) override {}
  void Log(maintenance::LogLevel, std::string text) override {
    Trace& trace = process_->scheduler().trace();
    if (trace.keeps()) {
      trace.Add(process_->scheduler().now(), "log", text);
    } else {
      trace.Add(process_->scheduler().now(), "log");
    }
  }

 private:
  Process* const process_;
  const double cancel_odds_;
  CancellationToken token_;
};

// Steps of one pack each, and pages of a few.
maintenance::GcRun::Options SmallSteps() {
  maintenance::GcRun::Options options;
  options.drop_batch = 2;
  options.compact_batch = 1;
  options.page_batch = 4;
  return options;
}

}  // namespace

MaintenanceProcess::MaintenanceProcess(Scheduler* scheduler, Network* network,
                                       maintenance::MaintenanceMetrics* metrics)
    : Process(scheduler, "maintenance"),
      network_(network),
      metrics_(metrics),
      kv_(LeaseStore::TableNames().size() + SweepStore::TableNames().size()) {}

absl::Status MaintenanceProcess::Open() {
  sweeps_ = std::make_unique<SweepStore>(
      &kv_, static_cast<KvTable>(LeaseStore::TableNames().size()));
  RETURN_IF_ERROR(sweeps_->InterruptAll(Now()));
  ASSIGN_OR_RETURN(coordinator_, maintenance::LeaseCoordinator::Open(
                                     {}, {.clock = this,
                                          .executor = &executor(),
                                          .kv = &kv_,
                                          .catalog = peers_.catalog,
                                          .fence = peers_.fence,
                                          .chunks = peers_.chunks,
                                          .metrics = metrics_}));
  client_ = std::make_unique<LocalLeaseClient>(
      coordinator_.get(), Caller{.kind = CallerKind::kLocal,
                                 .role = CallerRole::kIngest,
                                 .principal = "simulator@service"});
  changes_ = std::make_unique<CatalogChanges>(
      CatalogChanges::Dependencies{.catalog = peers_.catalog,
                                   .chunks = peers_.chunks,
                                   .clock = this,
                                   .peer_timeout = kPeerTimeout});
  rounds_ = std::make_unique<maintenance::CoordinatorRounds>(
      maintenance::CoordinatorRounds::Options{},
      maintenance::CoordinatorRounds::Dependencies{
          .clock = this,
          .executor = &executor(),
          .catalog = peers_.catalog,
          .coordinator = coordinator_.get(),
          .metrics = metrics_});
  rounds_->Start();
  return absl::OkStatus();
}

void MaintenanceProcess::Close() {
  rounds_.reset();
  changes_.reset();
  client_.reset();
  coordinator_.reset();
  sweeps_.reset();
}

void MaintenanceProcess::Freeze() {
  kv_.FailCommitsFrom(1, absl::UnavailableError("maintenance is dead"));
}

void MaintenanceProcess::Thaw(bool power_cut) {
  if (power_cut) kv_.PowerCut(scheduler().random());
  kv_.Recover();
}

maintenance::RunPeers MaintenanceProcess::ForRuns() {
  return {.clock = this,
          .executor = &executor(),
          .coordinator = coordinator_.get(),
          .catalog = peers_.catalog,
          .fence = peers_.fence,
          .chunks = peers_.chunks,
          .index = peers_.index,
          .store = peers_.store,
          .sweeps = sweeps_.get()};
}

absl::StatusOr<maintenance::GcRunResult> MaintenanceProcess::Gc(
    const maintenance::GcRunOptions& asked, double cancel_odds) {
  SimControl control(this, cancel_odds);
  return maintenance::GcRun(SmallSteps(), ForRuns(), metrics_,
                            Uuid::Random(scheduler().random()), asked, &control)
      .Run();
}

absl::StatusOr<maintenance::VerifyRunResult> MaintenanceProcess::Verify(
    const maintenance::VerifyRunOptions& asked, double cancel_odds) {
  SimControl control(this, cancel_odds);
  maintenance::VerifyRun::Options options;
  options.batch_packs = 2;
  return maintenance::VerifyRun(options, ForRuns(),
                                Uuid::Random(scheduler().random()), asked,
                                &control)
      .Run();
}

absl::StatusOr<maintenance::PruneRunResult> MaintenanceProcess::Prune(
    const maintenance::PruneRunOptions& asked) {
  SimControl control(this, 0);
  maintenance::Pruner::Options options;
  options.batch = 2;
  const maintenance::Pruner pruner(
      options, {.clock = this,
                .catalog = peers_.catalog,
                .apply = [this](const Call& call, const std::string& datastore,
                                const CatalogChange& change) {
                  return changes_->Apply(call, datastore, change);
                }});
  return pruner.Run(asked, control);
}

}  // namespace cairn::simulator
