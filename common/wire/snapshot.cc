#include "common/wire/snapshot.h"

#include "common/model/names.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

model::v1::SnapshotState StateToProto(SnapshotState state) {
  switch (state) {
    case SnapshotState::kListed:
      return model::v1::SNAPSHOT_STATE_LISTED;
    case SnapshotState::kTrash:
      return model::v1::SNAPSHOT_STATE_TRASH;
  }
  return model::v1::SNAPSHOT_STATE_UNSPECIFIED;
}

absl::StatusOr<SnapshotState> StateFromProto(model::v1::SnapshotState state) {
  switch (state) {
    case model::v1::SNAPSHOT_STATE_LISTED:
      return SnapshotState::kListed;
    case model::v1::SNAPSHOT_STATE_TRASH:
      return SnapshotState::kTrash;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("state is ", static_cast<int>(state),
                       ", which is no state of a snapshot"));
  }
}

model::v1::VerifyState VerifyToProto(VerifyState state) {
  switch (state) {
    case VerifyState::kNever:
      return model::v1::VERIFY_STATE_UNSPECIFIED;
    case VerifyState::kOk:
      return model::v1::VERIFY_STATE_OK;
    case VerifyState::kFailed:
      return model::v1::VERIFY_STATE_FAILED;
  }
  return model::v1::VERIFY_STATE_UNSPECIFIED;
}

absl::StatusOr<VerifyState> VerifyFromProto(model::v1::VerifyState state) {
  switch (state) {
    case model::v1::VERIFY_STATE_UNSPECIFIED:
      return VerifyState::kNever;
    case model::v1::VERIFY_STATE_OK:
      return VerifyState::kOk;
    case model::v1::VERIFY_STATE_FAILED:
      return VerifyState::kFailed;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("verify_state is ", static_cast<int>(state),
                       ", which is no state of a verify"));
  }
}

absl::StatusOr<std::vector<Archive>> ArchivesFromProto(
    const model::v1::Snapshot& proto) {
  const size_t count = static_cast<size_t>(proto.archives_size());
  if (count == 0 || count > kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(absl::StrCat("archives has ", count,
                                                   " items, allowed are 1..",
                                                   kMaxArchivesPerSnapshot));
  }
  std::vector<Archive> archives;
  archives.reserve(count);
  for (const model::v1::Archive& item : proto.archives()) {
    const std::string field =
        IndexedField("archives", static_cast<int>(archives.size()));
    absl::StatusOr<Archive> archive = FromProto(item);
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

}  // namespace

model::v1::Namespace ToProto(const Namespace& item) {
  model::v1::Namespace proto;
  proto.set_name(item.name.ToString());
  proto.set_comment(item.comment);
  *proto.mutable_create_time() = TimeToProto(item.create_time);
  return proto;
}

absl::StatusOr<Namespace> FromProto(const model::v1::Namespace& proto) {
  Namespace item;
  ASSIGN_OR_RETURN(item.name,
                   NameFromProto<NamespaceName>("name", proto.name()));
  RETURN_IF_ERROR(
      CheckTextLength("comment", proto.comment(), kMaxCommentBytes));
  item.comment = proto.comment();
  ASSIGN_OR_RETURN(item.create_time,
                   TimeFromProto("create_time", proto.create_time()));
  return item;
}

model::v1::Group ToProto(const Group& group) {
  model::v1::Group proto;
  proto.set_name(group.name.ToString());
  proto.set_owner(group.owner);
  proto.set_notes(group.notes);
  *proto.mutable_create_time() = TimeToProto(group.create_time);
  if (group.last_snapshot_time.has_value()) {
    *proto.mutable_last_snapshot_time() =
        SnapshotTimeToProto(*group.last_snapshot_time);
  }
  proto.set_snapshot_count(group.snapshot_count);
  return proto;
}

absl::StatusOr<Group> FromProto(const model::v1::Group& proto) {
  Group group;
  ASSIGN_OR_RETURN(group.name, NameFromProto<GroupName>("name", proto.name()));
  RETURN_IF_ERROR(CheckTextLength("owner", proto.owner(), kMaxPrincipalBytes));
  group.owner = proto.owner();
  RETURN_IF_ERROR(CheckTextLength("notes", proto.notes(), kMaxNotesBytes));
  group.notes = proto.notes();
  ASSIGN_OR_RETURN(group.create_time,
                   TimeFromProto("create_time", proto.create_time()));
  if (proto.has_last_snapshot_time()) {
    ASSIGN_OR_RETURN(group.last_snapshot_time,
                     SnapshotTimeFromProto("last_snapshot_time",
                                           proto.last_snapshot_time()));
  }
  group.snapshot_count = proto.snapshot_count();
  return group;
}

model::v1::Snapshot ToProto(const Snapshot& snapshot) {
  model::v1::Snapshot proto;
  proto.set_name(snapshot.name.ToString());
  proto.set_state(StateToProto(snapshot.state));
  for (const Archive& archive : snapshot.archives) {
    *proto.add_archives() = ToProto(archive);
  }
  proto.set_notes(snapshot.notes);
  proto.set_protected_(snapshot.is_protected);
  proto.set_owner(snapshot.owner);
  proto.set_verify_state(VerifyToProto(snapshot.verification.state));
  proto.set_sequence(snapshot.sequence);
  proto.set_session(snapshot.session.ToString());
  *proto.mutable_publish_time() = TimeToProto(snapshot.publish_time);
  proto.set_size_bytes(snapshot.size_bytes());
  proto.set_stored_bytes(snapshot.stored_bytes);
  proto.set_recovered(snapshot.recovered);
  return proto;
}

absl::StatusOr<Snapshot> FromProto(const model::v1::Snapshot& proto) {
  Snapshot snapshot;
  ASSIGN_OR_RETURN(snapshot.name,
                   NameFromProto<SnapshotName>("name", proto.name()));
  ASSIGN_OR_RETURN(snapshot.state, StateFromProto(proto.state()));
  ASSIGN_OR_RETURN(snapshot.archives, ArchivesFromProto(proto));
  RETURN_IF_ERROR(CheckTextLength("notes", proto.notes(), kMaxNotesBytes));
  snapshot.notes = proto.notes();
  snapshot.is_protected = proto.protected_();
  RETURN_IF_ERROR(CheckTextLength("owner", proto.owner(), kMaxPrincipalBytes));
  snapshot.owner = proto.owner();
  ASSIGN_OR_RETURN(snapshot.verification.state,
                   VerifyFromProto(proto.verify_state()));
  snapshot.sequence = proto.sequence();
  ASSIGN_OR_RETURN(snapshot.session, UuidFromText("session", proto.session()));
  ASSIGN_OR_RETURN(snapshot.publish_time,
                   TimeFromProto("publish_time", proto.publish_time()));
  snapshot.stored_bytes = proto.stored_bytes();
  snapshot.recovered = proto.recovered();
  return snapshot;
}

}  // namespace cairn
