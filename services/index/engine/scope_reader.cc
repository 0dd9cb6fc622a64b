#include "services/index/engine/scope_reader.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"
#include "services/index/engine/reference_finder.h"
#include "services/index/engine/snapshot_walk.h"
#include "services/index/engine/sweep_mark.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

constexpr size_t kMaxBatchBytes = size_t{4} << 20;

absl::Status CheckVerification(const Datastore& datastore,
                               const SnapshotVerification& one) {
  if (one.name.group.parent.datastore != datastore.name) {
    return absl::InvalidArgumentError(absl::StrCat(
        one.name.ToString(), " is not of the datastore ", datastore.name));
  }
  if (one.verification.damage.size() > kMaxDamagedRanges) {
    return absl::InvalidArgumentError(
        absl::StrCat("damage of ", one.name.ToString(), " has ",
                     one.verification.damage.size(),
                     " ranges, allowed are at most ", kMaxDamagedRanges));
  }
  for (const DamagedRange& range : one.verification.damage) {
    RETURN_IF_ERROR(ValidateArchiveId(range.archive));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MarkStream>> ScopeReader::Mark(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    MarkProgressSink progress) {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->Find(datastore));
  const IndexView view = store_->NewView(datastore.uuid);
  WalkReporter reporter(&call, clock_, progress);
  const auto tick = [&](const MarkProgress& so_far) {
    return reporter.Tick(so_far);
  };
  MarkWalk walk(walk_, &view, datastore.uuid, runs_, tick);
  RETURN_IF_ERROR(VisitScope(view, state->info, scope,
                             [&](const SnapshotName&, const SnapshotRow& row) {
                               return walk.AddSnapshot(
                                   row.archives, row.manifest,
                                   row.state == SnapshotState::kListed
                                       ? MarkHolder::kListed
                                       : MarkHolder::kTrash);
                             }));
  ASSIGN_OR_RETURN(const WalkedMarks marks, walk.Run());
  metrics_->marked_pages.Increment(static_cast<double>(marks.progress.pages));
  metrics_->marked_references.Increment(
      static_cast<double>(marks.progress.references));
  reporter.Tell(marks.progress);
  return marks.NewStream();
}

absl::Status ScopeReader::FindReferences(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    const std::vector<MarkRun>& records, uint32_t max_ranges,
    absl::FunctionRef<void(const DamagedSnapshot&)> take) {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->Find(datastore));
  const IndexView view = store_->NewView(datastore.uuid);
  const auto tick = [&call] {
    return call.cancellation == nullptr ? absl::OkStatus()
                                        : call.cancellation->Check();
  };
  ASSIGN_OR_RETURN(ReferenceFinder finder,
                   ReferenceFinder::Create(&view, records, max_ranges, tick));
  return VisitScope(
      view, state->info, scope,
      [&](const SnapshotName& name, const SnapshotRow& row) -> absl::Status {
        DamagedSnapshot damaged{.name = name, .ranges = {}};
        ASSIGN_OR_RETURN(const bool refers, finder.Find(row, damaged));
        if (refers) take(damaged);
        return absl::OkStatus();
      });
}

absl::Status ScopeReader::SaveVerifications(
    const DatastoreRef& datastore,
    const std::vector<SnapshotVerification>& verifications) {
  ASSIGN_OR_RETURN(DatastoreState* const state, datastores_->Find(datastore));
  if (verifications.empty() || verifications.size() > kMaxVerifications) {
    return absl::InvalidArgumentError(
        absl::StrCat("verifications has ", verifications.size(),
                     " items, allowed are 1..", kMaxVerifications));
  }
  for (const SnapshotVerification& one : verifications) {
    RETURN_IF_ERROR(CheckVerification(state->info, one));
  }
  auto next = verifications.begin();
  while (next != verifications.end()) {
    // Row by row from the present ones, under the gate: a change of the
    // catalog that comes in between stays.
    absl::MutexLock lock(&state->gate);
    const IndexView view = store_->NewView(datastore.uuid);
    IndexBatch batch(datastore.uuid);
    size_t bytes = 0;
    for (; next != verifications.end() && bytes < kMaxBatchBytes; ++next) {
      ASSIGN_OR_RETURN(std::optional<SnapshotRow> row,
                       view.GetSnapshot(next->name));
      if (!row.has_value() || row->state == SnapshotState::kGone ||
          row->verification.time > next->verification.time) {
        continue;
      }
      row->verification = next->verification;
      bytes += EncodeSnapshot(*row).size();
      batch.PutSnapshot(next->name, *row);
    }
    // What it says may be the very damage that fills the disk.
    batch.PassGate();
    if (!batch.changes().empty()) {
      RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
    }
  }
  return absl::OkStatus();
}

}  // namespace cairn::index
