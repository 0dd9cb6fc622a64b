#include "services/index/engine/publisher.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/log/log_fields.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/owner_rules.h"
#include "services/index/domain/raw_record.h"
#include "services/index/domain/session_rules.h"
#include "services/index/domain/snapshot_counts.h"
#include "services/index/domain/snapshot_rules.h"
#include "services/index/engine/catalog_lookup.h"

namespace cairn::index {
namespace {

// Who may write was decided when the session was opened; what is asked at a
// publish is whether the group belongs to the same owner still.
Caller Index() {
  return {.kind = CallerKind::kLocal,
          .role = CallerRole::kIndex,
          .principal = "index@service"};
}

Manifest NewManifest(const Datastore& datastore, const SessionRef& session,
                     const SessionRow& row,
                     const std::vector<ArchiveCheckpoint>& checkpoints) {
  Manifest manifest;
  manifest.datastore = datastore.ref;
  manifest.snapshot = row.snapshot;
  manifest.owner = row.owner;
  manifest.notes = row.notes;
  manifest.session = session.session;
  manifest.epoch = row.epoch;
  for (const ArchiveCheckpoint& checkpoint : checkpoints) {
    manifest.archives.push_back({.name = checkpoint.name,
                                 .kind = checkpoint.kind,
                                 .chunker = checkpoint.chunker,
                                 .root = *checkpoint.root});
    manifest.stored_bytes += checkpoint.stored_bytes;
  }
  return manifest;
}

SnapshotRow ToRow(const Manifest& manifest, const Digest& digest) {
  SnapshotRow row;
  row.state = SnapshotState::kListed;
  row.archives = manifest.archives;
  row.notes = manifest.notes;
  row.sequence = manifest.sequence;
  row.session = manifest.session;
  row.publish_time = manifest.publish_time;
  row.stored_bytes = manifest.stored_bytes;
  row.manifest = digest;
  return row;
}

GroupRow WithSnapshot(std::optional<GroupRow> known, const Manifest& manifest) {
  GroupRow row;
  if (known.has_value()) {
    row = *std::move(known);
  } else {
    row.owner = manifest.owner;
    row.create_time = manifest.publish_time;
    row.owner_sequence = manifest.sequence;
  }
  row.newest_time = manifest.snapshot.time;
  row.newest_listed_time = manifest.snapshot.time;
  ++row.listed_count;
  return row;
}

}  // namespace

absl::Status Publisher::CheckTarget(const IndexView& view,
                                    const SessionRow& row) const {
  const GroupName& group_name = row.snapshot.group;
  RETURN_IF_ERROR(CheckNamespaceExists(view, group_name.parent));
  ASSIGN_OR_RETURN(const std::optional<GroupRow> group,
                   view.GetGroup(group_name));
  if (group.has_value()) {
    RETURN_IF_ERROR(
        CheckMayWrite(Index(), row.owner, group_name, group->owner));
    RETURN_IF_ERROR(CheckNewer(row.snapshot, group->newest_time));
  }
  // What may be taken over of the base is kept by the session's own row.
  if (!row.base_time.has_value() || !row.base_archives.empty()) {
    return absl::OkStatus();
  }
  const SnapshotName base{.group = group_name, .time = *row.base_time};
  ASSIGN_OR_RETURN(const std::optional<SnapshotRow> base_row,
                   view.GetSnapshot(base));
  if (base_row.has_value() && base_row->state != SnapshotState::kGone) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "base snapshot ", base.ToString(),
          " is gone, so what was reused of it may be too; start a ",
          "new session")),
      reason::kBaseGone);
}

absl::Status Publisher::CheckRootsStored(const Uuid& datastore,
                                         const Manifest& manifest) const {
  std::vector<Digest> roots;
  for (const Archive& archive : manifest.archives) {
    roots.push_back(archive.root.page);
  }
  ASSIGN_OR_RETURN(const auto stored, store_->GetPages(datastore, roots));
  for (size_t i = 0; i < roots.size(); ++i) {
    if (!stored[i].has_value()) {
      return absl::DataLossError(absl::StrCat(
          "archive ", manifest.archives[i].name, ": its root page ",
          roots[i].ToHex(), " is lost; start a new session"));
    }
  }
  return absl::OkStatus();
}

absl::Status Publisher::CheckOpen(const DatastoreState& state,
                                  const SessionName& name,
                                  const SessionRow& row,
                                  const SessionRef& session) {
  SetLogField("session", name.session.ToString());
  SetLogField("snapshot", row.snapshot.ToString());
  const absl::Status open =
      CheckSessionOpen(name, row, session, state.numbers.fence);
  if (HasReason(open, reason::kSessionFenced)) {
    metrics_->fenced_calls.Increment();
  }
  return open;
}

absl::StatusOr<PreparedPublish> Publisher::Prepare(
    const SessionRef& session, const PublishRequest& request) {
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->Find(session.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  const SessionName name{.datastore = state->info.name,
                         .session = session.session};
  absl::MutexLock lock(&state->gate);
  const IndexView view = store_->NewView(uuid);
  ASSIGN_OR_RETURN(SessionRow row, LoadSession(view, name));
  PreparedPublish prepared;
  if (row.state == SessionState::kPublished && row.epoch == session.epoch) {
    prepared.sequence = row.publish_sequence;
    ASSIGN_OR_RETURN(prepared.published, LoadWholeSnapshot(view, row.snapshot));
    return prepared;
  }
  RETURN_IF_ERROR(CheckOpen(*state, name, row, session));
  ASSIGN_OR_RETURN(const std::vector<ArchiveCheckpoint> checkpoints,
                   view.ListCheckpoints(session.session));
  std::vector<ExpectedSize> expected;
  for (const PublishRequest::ExpectedArchive& archive : request.archives) {
    expected.push_back(
        {.name = archive.name, .size_bytes = archive.size_bytes});
  }
  RETURN_IF_ERROR(CheckPublishable(checkpoints, std::move(expected)));
  RETURN_IF_ERROR(CheckTarget(view, row));
  // Checkpoints do not change once a publish is prepared, so the manifest of
  // the first time is still right.
  if (row.publish_sequence == 0) {
    Manifest manifest = NewManifest(state->info, session, row, checkpoints);
    RETURN_IF_ERROR(CheckRootsStored(uuid, manifest));
    IndexBatch batch(uuid);
    IndexState numbers;
    manifest.sequence = TakeSequence(*state, batch, numbers);
    manifest.publish_time = clock_->Now();
    row.publish_sequence = manifest.sequence;
    row.manifest = EncodeManifest(manifest);
    batch.PutSession(session.session, row);
    RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
    state->numbers = numbers;
  }
  prepared.sequence = row.publish_sequence;
  prepared.manifest = MakeRawRecord(RecordKind::kManifest, row.publish_sequence,
                                    std::move(row.manifest));
  return prepared;
}

absl::StatusOr<Snapshot> Publisher::Commit(const SessionRef& session,
                                           uint64_t sequence) {
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->Find(session.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  const SessionName name{.datastore = state->info.name,
                         .session = session.session};
  absl::MutexLock lock(&state->gate);
  const IndexView view = store_->NewView(uuid);
  ASSIGN_OR_RETURN(SessionRow row, LoadSession(view, name));
  if (row.state == SessionState::kPublished && row.epoch == session.epoch) {
    return LoadWholeSnapshot(view, row.snapshot);
  }
  RETURN_IF_ERROR(CheckOpen(*state, name, row, session));
  if (sequence == 0 || row.publish_sequence != sequence) {
    return absl::FailedPreconditionError(
        absl::StrCat(name.ToString(), " has prepared its publish as number ",
                     row.publish_sequence, ", the call says ", sequence,
                     "; prepare it first"));
  }
  RETURN_IF_ERROR(CheckTarget(view, row));
  const SnapshotName snapshot = row.snapshot;
  RETURN_IF_ERROR(List(*state, view, session, std::move(row)));
  metrics_->sessions_published.Increment();
  return LoadWholeSnapshot(store_->NewView(uuid), snapshot);
}

absl::Status Publisher::List(DatastoreState& state, const IndexView& view,
                             const SessionRef& session, SessionRow row) {
  const Uuid& uuid = state.info.ref.uuid;
  const absl::StatusOr<Manifest> manifest = DecodeManifest(row.manifest);
  if (!manifest.ok()) {
    return WithContext(
        manifest.status(),
        absl::StrCat("manifest of session ", session.session.ToString()));
  }
  RETURN_IF_ERROR(CheckRootsStored(uuid, *manifest));
  ASSIGN_OR_RETURN(std::optional<GroupRow> group,
                   view.GetGroup(row.snapshot.group));
  IndexBatch batch(uuid);
  batch.PutGroup(row.snapshot.group, WithSnapshot(std::move(group), *manifest));
  SnapshotRow listed = ToRow(*manifest, Sha256(row.manifest));
  listed.loss_mark = row.loss_mark;
  batch.PutSnapshot(row.snapshot, listed);
  IndexState numbers = state.numbers;
  AddToCounts(listed, numbers);
  batch.PutState(numbers);
  row.state = SessionState::kPublished;
  row.end_time = clock_->Now();
  row.manifest.clear();
  row.base_archives.clear();
  batch.PutSession(session.session, row);
  // One batch, so that nobody sees half of it; synced, so that what is
  // answered stays; under the gate, so that no fence came in between.
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  state.numbers = numbers;
  metrics_->open_sessions.Add(TrackSession(state, session.session, row));
  return absl::OkStatus();
}

}  // namespace cairn::index
