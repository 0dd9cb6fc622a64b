#include "services/index/engine/catalog_lookup.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/session_rules.h"

namespace cairn::index {

absl::Status CheckNamespaceExists(const IndexView& view,
                                  const NamespaceName& name) {
  if (name.path.is_root()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<NamespaceRow> row,
                   view.GetNamespace(name.path));
  if (row.has_value()) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("namespace ", name.ToString(), " does not exist"));
}

absl::StatusOr<SnapshotRow> LoadSnapshot(const IndexView& view,
                                         const SnapshotName& name) {
  ASSIGN_OR_RETURN(std::optional<SnapshotRow> row, view.GetSnapshot(name));
  if (row.has_value() && row->state != SnapshotState::kGone) {
    return *std::move(row);
  }
  return absl::NotFoundError(
      absl::StrCat("snapshot ", name.ToString(), " does not exist"));
}

absl::StatusOr<Snapshot> LoadWholeSnapshot(const IndexView& view,
                                           const SnapshotName& name) {
  ASSIGN_OR_RETURN(const SnapshotRow row, LoadSnapshot(view, name));
  ASSIGN_OR_RETURN(const std::optional<GroupRow> group,
                   view.GetGroup(name.group));
  return ToSnapshot(name, row, group.has_value() ? group->owner : "");
}

absl::StatusOr<SessionRow> LoadSession(const IndexView& view,
                                       const SessionName& name) {
  ASSIGN_OR_RETURN(std::optional<SessionRow> row,
                   view.GetSession(name.session));
  if (row.has_value()) return *std::move(row);
  return WithReason(absl::NotFoundError(absl::StrCat(
                        "session ", name.ToString(), " does not exist")),
                    reason::kSessionNotFound);
}

Snapshot ToSnapshot(const SnapshotName& name, const SnapshotRow& row,
                    const std::string& owner) {
  Snapshot snapshot;
  snapshot.name = name;
  snapshot.state = row.state;
  snapshot.archives = row.archives;
  snapshot.notes = row.notes;
  snapshot.is_protected = row.is_protected;
  snapshot.owner = owner;
  snapshot.verification = row.verification;
  snapshot.sequence = row.sequence;
  snapshot.session = row.session;
  snapshot.publish_time = row.publish_time;
  snapshot.stored_bytes = row.stored_bytes;
  snapshot.recovered = row.recovered;
  if (row.state == SnapshotState::kTrash) {
    snapshot.trash_time = row.trash_time;
    snapshot.trash_until = row.trash_until;
  }
  return snapshot;
}

Session ToSession(const Datastore& datastore, const Uuid& id,
                  const SessionRow& row, uint64_t fence) {
  Session session;
  session.ref = {
      .datastore = {.uuid = datastore.ref.uuid, .generation = row.generation},
      .session = id,
      .epoch = row.epoch};
  session.snapshot = row.snapshot;
  session.state = DeriveState(row, fence);
  if (row.base_time.has_value()) {
    session.base =
        SnapshotName{.group = row.snapshot.group, .time = *row.base_time};
  }
  session.owner = row.owner;
  session.notes = row.notes;
  session.client_label = row.client_label;
  session.lease = row.lease;
  session.open_time = row.open_time;
  session.loss_mark = row.loss_mark;
  session.base_archives = row.base_archives;
  return session;
}

}  // namespace cairn::index
