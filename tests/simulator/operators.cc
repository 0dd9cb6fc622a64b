#include "tests/simulator/operators.h"

#include <iterator>

namespace cairn::simulator {
namespace {

constexpr char kDatastore[] = "default";

}  // namespace

// Most often the newest one that is there: a base of others.
Ledger::Backup* Operators::DrawBackup() {
  std::map<Uuid, Ledger::Backup>& backups = cluster_->ledger().backups();
  Ledger::Backup* newest = nullptr;
  for (auto& [session, backup] : backups) {
    if (!cluster_->ledger().MustExist(backup)) continue;
    if (newest == nullptr || newest->name.time < backup.name.time) {
      newest = &backup;
    }
  }
  if (newest != nullptr && scheduler_->Chance(0.5)) return newest;
  if (backups.empty()) return nullptr;
  auto chosen = backups.begin();
  std::advance(chosen, scheduler_->Draw(backups.size()));
  return &chosen->second;
}

absl::Duration Operators::DrawTrashTime() {
  if (scheduler_->Chance(0.6)) return absl::ZeroDuration();
  return absl::Seconds(scheduler_->Draw(1200));
}

void Operators::RunForgets(const bool* stop) {
  while (!*stop) {
    scheduler_->Sleep(absl::Seconds(1 + scheduler_->Draw(30)));
    Ledger::Backup* const backup = DrawBackup();
    if (backup == nullptr) continue;
    switch (scheduler_->Draw(8)) {
      case 0:
        Prune();
        break;
      case 1:
      case 2:
        Undelete(*backup);
        break;
      default:
        Forget(*backup);
    }
  }
}

void Operators::Forget(Ledger::Backup& backup) {
  const absl::Duration trash_time = DrawTrashTime();
  const std::shared_ptr<void> request =
      cluster_->ledger().Forget(backup, trash_time);
  IngestProcess* const ingest = &cluster_->any_ingest();
  const ingest::CatalogFrontend::ForgetRequest asked = {
      .datastore = kDatastore,
      .names = {backup.name},
      .trash_time = trash_time};
  cluster_->network()
      .Ask<absl::StatusOr<absl::Time>>(
          &cluster_->client(), ingest, "Forget", cluster_->admin(),
          [ingest, asked, request](const Call& own) {
            return ingest->engine().catalog().ForgetSnapshots(own, asked);
          })
      .IgnoreError();
}

void Operators::Undelete(Ledger::Backup& backup) {
  if (!backup.acknowledged) return;
  const bool is_quiet = !cluster_->ledger().IsBeingForgotten(backup);
  const auto forgets_before = backup.may_go_from;
  IngestProcess* const ingest = &cluster_->any_ingest();
  const UndeleteSnapshotsChange change = {kDatastore, {backup.name}};
  const absl::Status undeleted = cluster_->network().Ask<absl::Status>(
      &cluster_->client(), ingest, "Undelete", cluster_->admin(),
      [ingest, change](const Call& own) {
        return ingest->engine().catalog().UndeleteSnapshots(own, change);
      });
  if (undeleted.ok() && is_quiet &&
      !cluster_->ledger().IsBeingForgotten(backup) &&
      backup.may_go_from == forgets_before) {
    cluster_->ledger().Undelete(backup);
  }
}

void Operators::Prune() {
  maintenance::PruneRunOptions asked;
  asked.scope.parent.datastore = kDatastore;
  asked.scope.max_depth = 8;
  asked.keep.keep_last = 1 + scheduler_->Draw(3);
  asked.trash_time = DrawTrashTime();
  const std::shared_ptr<void> request =
      cluster_->ledger().ForgetAny(*asked.trash_time);
  MaintenanceProcess* const to = &cluster_->maintenance();
  cluster_->network()
      .Ask<absl::StatusOr<maintenance::PruneRunResult>>(
          &cluster_->client(), to, "Prune", cluster_->admin(),
          [to, asked, request](const Call&) { return to->Prune(asked); })
      .IgnoreError();
}

void Operators::RunSweeps(const bool* stop) {
  absl::Status ended;
  while (!*stop) {
    // One that has failed is soon tried again.
    if (ended.ok() || scheduler_->Chance(0.5)) {
      scheduler_->Sleep(absl::Seconds(1 + scheduler_->Draw(40)));
    }
    if (scheduler_->Chance(0.1)) {
      Verify();
      continue;
    }
    maintenance::GcRunOptions asked;
    constexpr uint32_t kPercents[] = {100, 80, 20};
    asked.live_percent = kPercents[scheduler_->Draw(3)];
    asked.validate_only = scheduler_->Chance(0.1);
    if (scheduler_->Chance(0.1)) asked.max_copy_bytes = 1;
    ended = Gc(asked, /*cancel_odds=*/0.005).status();
    scheduler_->Yield();
  }
}

absl::StatusOr<maintenance::GcRunResult> Operators::Gc(
    const maintenance::GcRunOptions& asked, double cancel_odds) {
  maintenance::GcRunOptions complete = asked;
  complete.datastore = kDatastore;
  complete.allow_empty = true;
  complete.confirm_clock = true;
  MaintenanceProcess* const to = &cluster_->maintenance();
  const auto result =
      cluster_->network().Ask<absl::StatusOr<maintenance::GcRunResult>>(
          &cluster_->client(), to, "Gc", cluster_->admin(),
          [to, complete, cancel_odds](const Call&) {
            return to->Gc(complete, cancel_odds);
          });
  if (result.ok()) ++sweeps_;
  return result;
}

void Operators::Verify() {
  maintenance::VerifyRunOptions asked;
  asked.scope.parent.datastore = kDatastore;
  asked.scope.max_depth = 8;
  asked.light = scheduler_->Chance(0.3);
  MaintenanceProcess* const to = &cluster_->maintenance();
  const auto result =
      cluster_->network().Ask<absl::StatusOr<maintenance::VerifyRunResult>>(
          &cluster_->client(), to, "Verify", cluster_->admin(),
          [to, asked](const Call&) { return to->Verify(asked, 0.01); });
  if (result.ok() && result->damaged_records > 0) {
    cluster_->verdict().Fail("verify found damage where none was done");
  }
}

}  // namespace cairn::simulator
