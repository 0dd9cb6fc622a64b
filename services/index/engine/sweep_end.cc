#include "services/index/engine/sweep_end.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/session_rules.h"
#include "services/index/domain/snapshot_counts.h"
#include "services/index/engine/snapshot_walk.h"

namespace cairn::index {
namespace {

constexpr size_t kRowsPerBatch = 1000;

}  // namespace

absl::StatusOr<EndedSweep> GoneRemoval::Remove(Sweep& sweep) {
  absl::MutexLock lock(&sweep.mutex);
  RETURN_IF_ERROR(sweep.CheckNotLost());
  if (sweep.marks == nullptr || !sweep.told_all) {
    return absl::FailedPreconditionError(absl::StrCat(
        "sweep ", sweep.token, " has not ",
        sweep.marks == nullptr ? "been marked"
                               : "listed all events of what is gone",
        ", so what is gone is not removed; end it without that, or go on"));
  }
  EndedSweep ended;
  if (sweep.numbers.gone_count == 0) return ended;
  const Datastore& info = sweep.datastore->info;
  std::vector<SnapshotName> names;
  RETURN_IF_ERROR(VisitSnapshots(
      sweep.view, info,
      [&](const SnapshotName& name, const SnapshotRow& row)
          ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
            if (row.state != SnapshotState::kGone ||
                sweep.held_gone.contains(SnapshotKey(info.ref.uuid, name))) {
              return absl::OkStatus();
            }
            names.push_back(name);
            if (names.size() < kRowsPerBatch) return absl::OkStatus();
            return RemoveBatch(sweep, std::exchange(names, {}), ended);
          }));
  if (!names.empty()) RETURN_IF_ERROR(RemoveBatch(sweep, names, ended));
  return ended;
}

absl::Status GoneRemoval::RemoveBatch(Sweep& sweep,
                                      const std::vector<SnapshotName>& names,
                                      EndedSweep& ended) {
  DatastoreState& state = *sweep.datastore;
  const Uuid& uuid = state.info.ref.uuid;
  absl::MutexLock lock(&state.gate);
  RETURN_IF_ERROR(sweep.CheckHighest());
  const IndexView view = store_->NewView(uuid);
  IndexBatch batch(uuid);
  IndexState numbers = state.numbers;
  EndedSweep sums = ended;
  std::set<GroupName> groups;
  absl::flat_hash_set<std::string> removed;
  for (const SnapshotName& name : names) {
    ASSIGN_OR_RETURN(const std::optional<SnapshotRow> row,
                     view.GetSnapshot(name));
    if (!row.has_value() || row->state != SnapshotState::kGone) continue;
    TakeFromCounts(*row, numbers);
    batch.RemoveSnapshot(name);
    removed.insert(SnapshotKey(uuid, name));
    groups.insert(name.group);
    ++sums.removed_snapshots;
  }
  RETURN_IF_ERROR(AddEmptyGroups(sweep, view, groups, removed, batch, sums));
  if (batch.changes().empty()) return absl::OkStatus();
  batch.PutState(numbers);
  batch.PassGate();
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  state.numbers = numbers;
  ended = sums;
  return absl::OkStatus();
}

absl::Status GoneRemoval::AddEmptyGroups(
    const Sweep& sweep, const IndexView& view,
    const std::set<GroupName>& groups,
    const absl::flat_hash_set<std::string>& removed, IndexBatch& batch,
    EndedSweep& ended) {
  const Uuid& uuid = sweep.datastore->info.ref.uuid;
  std::set<GroupName> empty;
  for (const GroupName& group : groups) {
    const std::string prefix = GroupKey(uuid, group);
    const auto cursor = view.Scan(Table::kSnapshots, prefix, PrefixEnd(prefix));
    while (cursor->Valid() && removed.contains(cursor->key())) cursor->Next();
    RETURN_IF_ERROR(cursor->status());
    if (!cursor->Valid()) empty.insert(group);
  }
  if (empty.empty()) return absl::OkStatus();
  const uint64_t fence = sweep.datastore->numbers.fence;
  RETURN_IF_ERROR(
      VisitSessions(view, uuid, [&](const Uuid&, const SessionRow& row) {
        if (DeriveState(row, fence) == SessionState::kOpen) {
          empty.erase(row.snapshot.group);
        }
        return absl::OkStatus();
      }));
  for (const GroupName& group : empty) {
    batch.RemoveGroup(group);
    ++ended.removed_groups;
  }
  return absl::OkStatus();
}

}  // namespace cairn::index
