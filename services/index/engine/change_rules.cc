#include "services/index/engine/change_rules.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/catalog/snapshot_fate.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/owner_rules.h"
#include "services/index/domain/session_rules.h"
#include "services/index/domain/text_rules.h"
#include "services/index/engine/catalog_lookup.h"
#include "services/index/engine/state_moves.h"

namespace cairn::index {
namespace {

absl::Status NotEmpty(const NamespaceName& name, std::string_view what) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "namespace ", name.ToString(), " holds ", what)),
                    reason::kNotEmpty);
}

absl::StatusOr<bool> HasKeys(const IndexView& view, Table table,
                             std::string_view lower, std::string_view upper) {
  const auto cursor = view.Scan(table, lower, upper);
  if (cursor->Valid()) return true;
  RETURN_IF_ERROR(cursor->status());
  return false;
}

absl::Status CheckEmpty(const ChangeContext& context, const NamespaceName& name)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate) {
  const std::string prefix =
      NamespaceKey(context.state.info.ref.uuid, name.path);
  const std::string end = PrefixEnd(prefix);
  ASSIGN_OR_RETURN(
      const bool has_namespaces,
      HasKeys(context.view, Table::kNamespaces, prefix + '\0', end));
  if (has_namespaces) return NotEmpty(name, "namespaces");
  ASSIGN_OR_RETURN(const bool has_groups,
                   HasKeys(context.view, Table::kGroups, prefix, end));
  if (has_groups) return NotEmpty(name, "groups");
  for (const auto& [session, path] : context.state.open_sessions) {
    if (path.IsSameOrBelow(name.path)) {
      return NotEmpty(name,
                      absl::StrCat("the open session ", session.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNotRoot(const NamespaceName& name) {
  if (!name.path.is_root()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name.ToString(), " is the root namespace, which is always there"));
}

absl::StatusOr<GroupRow> LoadGroup(const IndexView& view,
                                   const GroupName& name) {
  ASSIGN_OR_RETURN(const std::optional<GroupRow> row, view.GetGroup(name));
  if (row.has_value()) return *row;
  return absl::NotFoundError(
      absl::StrCat("group ", name.ToString(), " does not exist"));
}

absl::Status CheckUpdate(const ChangeContext& context,
                         const UpdateSnapshotChange& change) {
  if (!change.notes.has_value() && !change.is_protected.has_value()) {
    return absl::InvalidArgumentError(
        "the change of a snapshot changes nothing");
  }
  RETURN_IF_ERROR(
      CheckText("notes", change.notes.value_or(""), kMaxNotesBytes));
  ASSIGN_OR_RETURN(const GroupRow group,
                   LoadGroup(context.view, change.name.group));
  return CheckMayChange(context.call.caller, change.name.group, group.owner);
}

absl::StatusOr<SessionRow> LoadRefused(const ChangeContext& context,
                                       const RefusedPublishChange& change) {
  const SessionName name{.datastore = context.state.info.name,
                         .session = change.session};
  ASSIGN_OR_RETURN(const SessionRow row, LoadSession(context.view, name));
  if (row.state == SessionState::kPublished) {
    return SessionEnded(name, row.state);
  }
  if (row.publish_sequence == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(name.ToString(), " has prepared no publish"));
  }
  if (row.snapshot != change.name || Sha256(row.manifest) != change.manifest) {
    return absl::InvalidArgumentError(absl::StrCat(
        name.ToString(), " has prepared ", row.snapshot.ToString(),
        " with manifest ", Sha256(row.manifest).ToHex(), ", the call says ",
        change.name.ToString(), " with ", change.manifest.ToHex()));
  }
  return row;
}

}  // namespace

absl::Status Check(const ChangeContext& context,
                   const CreateNamespaceChange& change) {
  RETURN_IF_ERROR(CheckNotRoot(change.name));
  RETURN_IF_ERROR(CheckText("comment", change.comment, kMaxCommentBytes));
  RETURN_IF_ERROR(CheckNamespaceExists(
      context.view,
      {.datastore = change.name.datastore, .path = change.name.path.Parent()}));
  ASSIGN_OR_RETURN(const auto row, context.view.GetNamespace(change.name.path));
  if (!row.has_value()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("namespace ", change.name.ToString(), " exists"));
}

absl::Status Apply(const ChangeContext& context,
                   const CreateNamespaceChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  ASSIGN_OR_RETURN(const auto row, context.view.GetNamespace(change.name.path));
  if (row.has_value() && row->sequence == sequence) return absl::OkStatus();
  RETURN_IF_ERROR(Check(context, change));
  if (sequence < context.state.numbers.namespace_delete_sequence) {
    return absl::AbortedError(
        absl::StrCat("change ", sequence, " creates ", change.name.ToString(),
                     " and was overtaken by a deletion; prepare it again"));
  }
  batch.PutNamespace(change.name.path, {.comment = change.comment,
                                        .create_time = context.now,
                                        .sequence = sequence});
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext& context,
                   const DeleteNamespaceChange& change) {
  RETURN_IF_ERROR(CheckNotRoot(change.name));
  RETURN_IF_ERROR(CheckNamespaceExists(context.view, change.name));
  return CheckEmpty(context, change.name);
}

absl::Status Apply(const ChangeContext& context,
                   const DeleteNamespaceChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  ASSIGN_OR_RETURN(const auto row, context.view.GetNamespace(change.name.path));
  // Deleted by this very change before, or created anew after it.
  if (!row.has_value() || row->sequence > sequence) return absl::OkStatus();
  RETURN_IF_ERROR(Check(context, change));
  batch.RemoveNamespace(change.name.path);
  context.numbers.namespace_delete_sequence =
      std::max(context.numbers.namespace_delete_sequence, sequence);
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext& context,
                   const UpdateGroupChange& change) {
  if (!change.owner.has_value() && !change.notes.has_value()) {
    return absl::InvalidArgumentError("the change of a group changes nothing");
  }
  if (change.owner.has_value()) {
    RETURN_IF_ERROR(CheckPrincipal("owner", *change.owner));
  }
  RETURN_IF_ERROR(
      CheckText("notes", change.notes.value_or(""), kMaxNotesBytes));
  ASSIGN_OR_RETURN(const GroupRow row, LoadGroup(context.view, change.name));
  return CheckMayChange(context.call.caller, change.name, row.owner);
}

absl::Status Apply(const ChangeContext& context,
                   const UpdateGroupChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  ASSIGN_OR_RETURN(GroupRow row, LoadGroup(context.view, change.name));
  const bool newer_owner =
      change.owner.has_value() && row.owner_sequence < sequence;
  const bool newer_notes =
      change.notes.has_value() && row.notes_sequence < sequence;
  if (!newer_owner && !newer_notes) return absl::OkStatus();
  RETURN_IF_ERROR(Check(context, change));
  if (newer_owner) {
    row.owner = *change.owner;
    row.owner_sequence = sequence;
  }
  if (newer_notes) {
    row.notes = *change.notes;
    row.notes_sequence = sequence;
  }
  batch.PutGroup(change.name, row);
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext& context,
                   const UpdateSnapshotChange& change) {
  ASSIGN_OR_RETURN(const SnapshotRow row,
                   LoadSnapshot(context.view, change.name));
  RETURN_IF_ERROR(CheckUpdate(context, change));
  if (row.state == SnapshotState::kListed || !change.is_protected.has_value()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "snapshot ", change.name.ToString(), " is in trash; undelete it first"));
}

absl::Status Apply(const ChangeContext& context,
                   const UpdateSnapshotChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  ASSIGN_OR_RETURN(const SnapshotRow before,
                   LoadSnapshot(context.view, change.name));
  RETURN_IF_ERROR(CheckUpdate(context, change));
  SnapshotRow row = before;
  bool changed = change.notes.has_value() && row.notes_sequence < sequence;
  if (changed) {
    row.notes = *change.notes;
    row.notes_sequence = sequence;
  }
  if (change.is_protected.has_value()) {
    changed |= ProtectAt(sequence, *change.is_protected, row);
  }
  if (!changed) return absl::OkStatus();
  StateMoves moves(&context.view, context.state.info.ref.uuid, &context.numbers,
                   &batch);
  moves.Move(change.name, before, row);
  return moves.Finish();
}

absl::Status NameManifest(const ChangeContext& context,
                          RefusedPublishChange& change) {
  if (change.manifest != Digest()) return absl::OkStatus();
  const SessionName name{.datastore = context.state.info.name,
                         .session = change.session};
  ASSIGN_OR_RETURN(const SessionRow row, LoadSession(context.view, name));
  if (row.publish_sequence == 0) {
    return absl::NotFoundError(
        absl::StrCat(name.ToString(), " has prepared no publish"));
  }
  change.manifest = Sha256(row.manifest);
  return absl::OkStatus();
}

absl::Status Check(const ChangeContext& context,
                   const RefusedPublishChange& change) {
  return LoadRefused(context, change).status();
}

absl::Status Apply(const ChangeContext& context,
                   const RefusedPublishChange& change, uint64_t sequence,
                   IndexBatch& batch) {
  ASSIGN_OR_RETURN(SessionRow row, LoadRefused(context, change));
  const bool ends = row.state == SessionState::kOpen;
  const bool cancels = sequence != 0 && row.cancel_sequence == 0;
  if (!ends && !cancels) return absl::OkStatus();
  if (ends) {
    row.state = SessionState::kAborted;
    row.end_time = context.now;
    row.base_archives.clear();
  }
  if (cancels) row.cancel_sequence = sequence;
  batch.PutSession(change.session, row);
  batch.PassGate();
  return absl::OkStatus();
}

}  // namespace cairn::index
