#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/datastore.h"
#include "common/wire/scalars.h"
#include "common/wire/session.h"
#include "services/index/client/index_wire.h"

// The part of index_wire.h that is about sessions.
namespace cairn::index {
namespace {

constexpr size_t kMaxLabelBytes = 256;
constexpr size_t kMaxBuilderStateBytes = 1 << 20;

absl::StatusOr<std::vector<Archive>> BaseArchivesOf(
    const v1::SessionRow& proto) {
  if (static_cast<size_t>(proto.base_archives_size()) >
      kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(
        absl::StrCat("base_archives has ", proto.base_archives_size(),
                     " items, allowed are at most ", kMaxArchivesPerSnapshot));
  }
  std::vector<Archive> archives;
  for (const model::v1::Archive& item : proto.base_archives()) {
    absl::StatusOr<Archive> archive = cairn::FromProto(item);
    if (!archive.ok()) {
      return WithContext(
          archive.status(),
          IndexedField("base_archives", static_cast<int>(archives.size())));
    }
    archives.push_back(*std::move(archive));
  }
  return archives;
}

}  // namespace

v1::Checkpoint ToProto(const ArchiveCheckpoint& checkpoint) {
  v1::Checkpoint proto;
  proto.set_name(checkpoint.name);
  proto.set_kind(cairn::ToProto(checkpoint.kind));
  *proto.mutable_chunker() = cairn::ToProto(checkpoint.chunker);
  proto.set_durable_bytes(checkpoint.durable_bytes);
  proto.set_builder_state(checkpoint.builder_state);
  if (checkpoint.root.has_value()) {
    *proto.mutable_root() = cairn::ToProto(*checkpoint.root);
  }
  proto.set_stored_bytes(checkpoint.stored_bytes);
  proto.set_revision(checkpoint.revision);
  return proto;
}

absl::StatusOr<ArchiveCheckpoint> FromProto(const v1::Checkpoint& proto) {
  ArchiveCheckpoint checkpoint;
  RETURN_IF_ERROR(WithContext(ValidateArchiveId(proto.name()), "name"));
  checkpoint.name = proto.name();
  ASSIGN_OR_RETURN(checkpoint.kind, ArchiveKindFromProto("kind", proto.kind()));
  absl::StatusOr<ChunkerSpec> chunker = cairn::FromProto(proto.chunker());
  if (!chunker.ok()) return WithContext(chunker.status(), "chunker");
  checkpoint.chunker = *std::move(chunker);
  checkpoint.durable_bytes = proto.durable_bytes();
  RETURN_IF_ERROR(CheckTextLength("builder_state", proto.builder_state(),
                                  kMaxBuilderStateBytes));
  checkpoint.builder_state = proto.builder_state();
  if (proto.has_root()) {
    const absl::StatusOr<PageRoot> root = cairn::FromProto(proto.root());
    if (!root.ok()) return WithContext(root.status(), "root");
    checkpoint.root = *root;
  }
  checkpoint.stored_bytes = proto.stored_bytes();
  checkpoint.revision = proto.revision();
  return checkpoint;
}

v1::SessionRow ToProto(const Session& session) {
  v1::SessionRow proto;
  Session visible = session;
  visible.archives.clear();
  *proto.mutable_session() = cairn::ToProto(visible);
  proto.set_lease(std::string(session.lease.view()));
  proto.set_client_label(session.client_label);
  for (const ArchiveCheckpoint& checkpoint : session.archives) {
    *proto.add_checkpoints() = index::ToProto(checkpoint);
  }
  proto.set_loss_mark(session.loss_mark);
  for (const Archive& archive : session.base_archives) {
    *proto.add_base_archives() = cairn::ToProto(archive);
  }
  return proto;
}

absl::StatusOr<Session> FromProto(const v1::SessionRow& proto) {
  ASSIGN_OR_RETURN(Session session, cairn::FromProto(proto.session()));
  session.archives.clear();
  ASSIGN_OR_RETURN(session.lease, UuidFromProto("lease", proto.lease()));
  RETURN_IF_ERROR(
      CheckTextLength("client_label", proto.client_label(), kMaxLabelBytes));
  session.client_label = proto.client_label();
  if (static_cast<size_t>(proto.checkpoints_size()) > kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoints has ", proto.checkpoints_size(),
                     " items, allowed are at most ", kMaxArchivesPerSnapshot));
  }
  for (const v1::Checkpoint& item : proto.checkpoints()) {
    absl::StatusOr<ArchiveCheckpoint> checkpoint = FromProto(item);
    if (!checkpoint.ok()) {
      return WithContext(
          checkpoint.status(),
          IndexedField("checkpoints",
                       static_cast<int>(session.archives.size())));
    }
    session.archives.push_back(*std::move(checkpoint));
  }
  session.loss_mark = proto.loss_mark();
  ASSIGN_OR_RETURN(session.base_archives, BaseArchivesOf(proto));
  return session;
}

v1::OpenSessionRequest ToProto(const NewSession& request) {
  v1::OpenSessionRequest proto;
  *proto.mutable_session() = cairn::ToProto(request.ref);
  proto.set_group(request.group.ToString());
  if (request.backup_time.has_value()) {
    *proto.mutable_backup_time() = SnapshotTimeToProto(*request.backup_time);
  }
  if (request.base.has_value()) {
    proto.set_base_snapshot(request.base->ToString());
  }
  proto.set_owner(request.owner);
  proto.set_notes(request.notes);
  proto.set_client_label(request.client_label);
  proto.set_lease(std::string(request.lease.view()));
  proto.set_loss_mark(request.loss_mark);
  return proto;
}

absl::StatusOr<NewSession> FromProto(const v1::OpenSessionRequest& proto) {
  NewSession request;
  const absl::StatusOr<SessionRef> ref = cairn::FromProto(proto.session());
  if (!ref.ok()) return WithContext(ref.status(), "session");
  request.ref = *ref;
  ASSIGN_OR_RETURN(request.group,
                   NameFromProto<GroupName>("group", proto.group()));
  if (proto.has_backup_time()) {
    ASSIGN_OR_RETURN(request.backup_time,
                     SnapshotTimeFromProto("backup_time", proto.backup_time()));
  }
  if (!proto.base_snapshot().empty()) {
    ASSIGN_OR_RETURN(request.base, NameFromProto<SnapshotName>(
                                       "base_snapshot", proto.base_snapshot()));
  }
  RETURN_IF_ERROR(CheckTextLength("owner", proto.owner(), kMaxPrincipalBytes));
  request.owner = proto.owner();
  RETURN_IF_ERROR(CheckTextLength("notes", proto.notes(), kMaxNotesBytes));
  request.notes = proto.notes();
  RETURN_IF_ERROR(
      CheckTextLength("client_label", proto.client_label(), kMaxLabelBytes));
  request.client_label = proto.client_label();
  ASSIGN_OR_RETURN(request.lease, UuidFromProto("lease", proto.lease()));
  request.loss_mark = proto.loss_mark();
  return request;
}

}  // namespace cairn::index
