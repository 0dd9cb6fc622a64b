#include "services/index/engine/trash_rules.h"

#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/catalog/snapshot_fate.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/owner_rules.h"
#include "services/index/engine/state_moves.h"

namespace cairn::index {
namespace {

// A forget carries the clock on, by which a sweep tells a jump, over no more
// than this: whether a longer step is one is the sweep's to judge.
constexpr absl::Duration kMaxClockStep = absl::Hours(24);

absl::Status CheckNames(const ChangeContext& context,
                        const std::vector<SnapshotName>& names) {
  if (names.empty() || names.size() > kMaxSnapshotsPerChange) {
    return absl::InvalidArgumentError(absl::StrCat("names has ", names.size(),
                                                   " items, allowed are 1..",
                                                   kMaxSnapshotsPerChange));
  }
  std::set<SnapshotName> seen;
  for (const SnapshotName& name : names) {
    if (name.group.parent.datastore != context.state.info.name) {
      return absl::InvalidArgumentError(
          absl::StrCat(name.ToString(), " is not of the datastore ",
                       context.state.info.name));
    }
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(name.ToString(), " is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTrashTime(absl::Duration trash_time) {
  if (trash_time >= absl::ZeroDuration() && trash_time <= kMaxTrashTime) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("trash_time is ", absl::FormatDuration(trash_time),
                   ", allowed are 0..", absl::FormatDuration(kMaxTrashTime)));
}

// Of a group that exists.
absl::Status CheckOwners(const ChangeContext& context,
                         const std::vector<SnapshotName>& names) {
  const GroupName* last = nullptr;
  for (const SnapshotName& name : names) {
    if (last != nullptr && *last == name.group) continue;
    last = &name.group;
    ASSIGN_OR_RETURN(const std::optional<GroupRow> group,
                     context.view.GetGroup(name.group));
    if (!group.has_value()) continue;
    RETURN_IF_ERROR(
        CheckMayChange(context.call.caller, name.group, group->owner));
  }
  return absl::OkStatus();
}

// Nothing: neither listed nor in trash.
absl::StatusOr<std::optional<SnapshotRow>> FindKnown(
    const ChangeContext& context, const SnapshotName& name) {
  ASSIGN_OR_RETURN(std::optional<SnapshotRow> row,
                   context.view.GetSnapshot(name));
  if (row.has_value() && row->state == SnapshotState::kGone) row.reset();
  return row;
}

absl::Status SnapshotGone(const SnapshotName& name) {
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          "snapshot ", name.ToString(),
          " is neither listed nor in trash; its time in trash is over")),
      reason::kSnapshotGone);
}

absl::Status NobodyAsks() {
  return absl::InvalidArgumentError(
      "that snapshots are gone is decided by a sweep of index alone");
}

}  // namespace

absl::Status KeepKnown(const ChangeContext& context,
                       ForgetSnapshotsChange& change) {
  std::vector<SnapshotName> known;
  for (SnapshotName& name : change.names) {
    ASSIGN_OR_RETURN(const auto row, FindKnown(context, name));
    if (row.has_value()) known.push_back(std::move(name));
  }
  change.names = std::move(known);
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext& context,
                   const ForgetSnapshotsChange& change) {
  RETURN_IF_ERROR(CheckNames(context, change.names));
  RETURN_IF_ERROR(CheckTrashTime(change.trash_time));
  RETURN_IF_ERROR(CheckOwners(context, change.names));
  for (const SnapshotName& name : change.names) {
    ASSIGN_OR_RETURN(const auto row, FindKnown(context, name));
    if (!row.has_value() || !row->is_protected) continue;
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "snapshot ", name.ToString(),
            " is protected; end its protection first, or leave it out")),
        reason::kSnapshotProtected);
  }
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext& context,
                   const UndeleteSnapshotsChange& change) {
  RETURN_IF_ERROR(CheckNames(context, change.names));
  RETURN_IF_ERROR(CheckOwners(context, change.names));
  for (const SnapshotName& name : change.names) {
    ASSIGN_OR_RETURN(const auto row, FindKnown(context, name));
    if (!row.has_value()) return SnapshotGone(name);
  }
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext&, const SnapshotsGoneChange&) {
  return NobodyAsks();
}

absl::Status Apply(const ChangeContext& context,
                   const ForgetSnapshotsChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  RETURN_IF_ERROR(CheckNames(context, change.names));
  RETURN_IF_ERROR(CheckTrashTime(change.trash_time));
  StateMoves moves(&context.view, context.state.info.ref.uuid, &context.numbers,
                   &batch);
  for (const SnapshotName& name : change.names) {
    ASSIGN_OR_RETURN(const auto row, FindKnown(context, name));
    if (!row.has_value() || row->sequence > sequence) continue;
    SnapshotRow after = *row;
    if (!ForgetAt(sequence, context.now, change.trash_time, after)) continue;
    moves.Move(name, *row, after);
  }
  if (batch.changes().empty()) return absl::OkStatus();
  const absl::Duration step = context.now - context.numbers.clock;
  if (context.numbers.clock == absl::Time() ||
      (step > absl::ZeroDuration() && step <= kMaxClockStep)) {
    context.numbers.clock = context.now;
  }
  // It makes room, in the end.
  batch.PassGate();
  return moves.Finish();
}

absl::Status Apply(const ChangeContext& context,
                   const UndeleteSnapshotsChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  RETURN_IF_ERROR(CheckNames(context, change.names));
  StateMoves moves(&context.view, context.state.info.ref.uuid, &context.numbers,
                   &batch);
  for (const SnapshotName& name : change.names) {
    ASSIGN_OR_RETURN(const auto row, FindKnown(context, name));
    if (!row.has_value()) return SnapshotGone(name);
    if (row->sequence > sequence) continue;
    SnapshotRow after = *row;
    if (!UndeleteAt(sequence, after)) continue;
    moves.Move(name, *row, after);
  }
  return moves.Finish();
}

absl::Status Apply(const ChangeContext&, const SnapshotsGoneChange&, uint64_t,
                   IndexBatch&) {
  return NobodyAsks();
}

}  // namespace cairn::index
