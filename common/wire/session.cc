#include "common/wire/session.h"

#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/datastore.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

absl::StatusOr<SessionState> StateFromProto(model::v1::SessionState state) {
  switch (state) {
    case model::v1::SESSION_STATE_OPEN:
      return SessionState::kOpen;
    case model::v1::SESSION_STATE_PUBLISHED:
      return SessionState::kPublished;
    case model::v1::SESSION_STATE_ABORTED:
      return SessionState::kAborted;
    case model::v1::SESSION_STATE_FENCED:
      return SessionState::kFenced;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("state is ", static_cast<int>(state),
                       ", which is no state of a session"));
  }
}

absl::StatusOr<std::vector<ArchiveCheckpoint>> ArchivesFromProto(
    const model::v1::Session& proto) {
  if (static_cast<size_t>(proto.archives_size()) > kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(
        absl::StrCat("archives has ", proto.archives_size(),
                     " items, allowed are at most ", kMaxArchivesPerSnapshot));
  }
  std::vector<ArchiveCheckpoint> archives;
  archives.reserve(static_cast<size_t>(proto.archives_size()));
  for (const model::v1::ArchiveProgress& item : proto.archives()) {
    const std::string field =
        IndexedField("archives", static_cast<int>(archives.size()));
    absl::StatusOr<ArchiveCheckpoint> archive = FromProto(item);
    if (!archive.ok()) return WithContext(archive.status(), field);
    if (!archives.empty() && archives.back().name >= archive->name) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, " is ", archive->name, ", after ", archives.back().name,
          "; names must ascend, each at most once"));
    }
    archives.push_back(*std::move(archive));
  }
  return archives;
}

absl::StatusOr<SessionRef> RefFromProto(const model::v1::Session& proto,
                                        const Uuid& session) {
  const absl::StatusOr<DatastoreRef> datastore = FromProto(proto.datastore());
  if (!datastore.ok()) return WithContext(datastore.status(), "datastore");
  if (proto.epoch() == 0) {
    return absl::InvalidArgumentError("epoch is 0, must be at least 1");
  }
  return SessionRef{
      .datastore = *datastore, .session = session, .epoch = proto.epoch()};
}

}  // namespace

model::v1::SessionState ToProto(SessionState state) {
  switch (state) {
    case SessionState::kOpen:
      return model::v1::SESSION_STATE_OPEN;
    case SessionState::kPublished:
      return model::v1::SESSION_STATE_PUBLISHED;
    case SessionState::kAborted:
      return model::v1::SESSION_STATE_ABORTED;
    case SessionState::kFenced:
      return model::v1::SESSION_STATE_FENCED;
  }
  return model::v1::SESSION_STATE_UNSPECIFIED;
}

model::v1::ArchiveProgress ToProto(const ArchiveCheckpoint& checkpoint) {
  model::v1::ArchiveProgress proto;
  proto.set_name(checkpoint.name);
  proto.set_kind(ToProto(checkpoint.kind));
  *proto.mutable_chunker() = ToProto(checkpoint.chunker);
  proto.set_durable_bytes(checkpoint.durable_bytes);
  proto.set_complete(checkpoint.complete());
  if (checkpoint.root.has_value()) {
    *proto.mutable_root() = ToProto(*checkpoint.root);
  }
  return proto;
}

absl::StatusOr<ArchiveCheckpoint> FromProto(
    const model::v1::ArchiveProgress& proto) {
  ArchiveCheckpoint checkpoint;
  RETURN_IF_ERROR(WithContext(ValidateArchiveId(proto.name()), "name"));
  checkpoint.name = proto.name();
  ASSIGN_OR_RETURN(checkpoint.kind, ArchiveKindFromProto("kind", proto.kind()));
  absl::StatusOr<ChunkerSpec> chunker = FromProto(proto.chunker());
  if (!chunker.ok()) return WithContext(chunker.status(), "chunker");
  checkpoint.chunker = *std::move(chunker);
  checkpoint.durable_bytes = proto.durable_bytes();
  if (proto.complete() != proto.has_root()) {
    return absl::InvalidArgumentError(
        absl::StrCat("archive ", proto.name(),
                     ": root must be set if, and only if, complete is"));
  }
  if (proto.has_root()) {
    const absl::StatusOr<PageRoot> root = FromProto(proto.root());
    if (!root.ok()) return WithContext(root.status(), "root");
    checkpoint.root = *root;
  }
  return checkpoint;
}

model::v1::Session ToProto(const Session& session) {
  model::v1::Session proto;
  proto.set_name(
      SessionName{.datastore = session.snapshot.group.parent.datastore,
                  .session = session.ref.session}
          .ToString());
  proto.set_snapshot(session.snapshot.ToString());
  proto.set_state(ToProto(session.state));
  proto.set_epoch(session.ref.epoch);
  if (session.base.has_value()) {
    proto.set_base_snapshot(session.base->ToString());
  }
  proto.set_owner(session.owner);
  *proto.mutable_open_time() = TimeToProto(session.open_time);
  for (const ArchiveCheckpoint& archive : session.archives) {
    *proto.add_archives() = ToProto(archive);
  }
  proto.set_notes(session.notes);
  *proto.mutable_datastore() = ToProto(session.ref.datastore);
  return proto;
}

absl::StatusOr<Session> FromProto(const model::v1::Session& proto) {
  Session session;
  ASSIGN_OR_RETURN(const SessionName name,
                   NameFromProto<SessionName>("name", proto.name()));
  ASSIGN_OR_RETURN(session.ref, RefFromProto(proto, name.session));
  ASSIGN_OR_RETURN(session.snapshot,
                   NameFromProto<SnapshotName>("snapshot", proto.snapshot()));
  if (session.snapshot.group.parent.datastore != name.datastore) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot is ", proto.snapshot(),
                     ", must be of the session's datastore ", name.datastore));
  }
  ASSIGN_OR_RETURN(session.state, StateFromProto(proto.state()));
  if (!proto.base_snapshot().empty()) {
    ASSIGN_OR_RETURN(session.base, NameFromProto<SnapshotName>(
                                       "base_snapshot", proto.base_snapshot()));
  }
  RETURN_IF_ERROR(CheckTextLength("owner", proto.owner(), kMaxPrincipalBytes));
  session.owner = proto.owner();
  RETURN_IF_ERROR(CheckTextLength("notes", proto.notes(), kMaxNotesBytes));
  session.notes = proto.notes();
  ASSIGN_OR_RETURN(session.open_time,
                   TimeFromProto("open_time", proto.open_time()));
  ASSIGN_OR_RETURN(session.archives, ArchivesFromProto(proto));
  return session;
}

}  // namespace cairn
