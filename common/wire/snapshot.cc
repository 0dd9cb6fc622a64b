#include "common/wire/snapshot.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
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
    case SnapshotState::kGone:
      break;  // never leaves index
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

// What a verify has found; the fields are Snapshot's.
void VerificationToProto(const Verification& verification,
                         model::v1::Snapshot& proto) {
  proto.set_verify_state(ToProto(verification.state));
  if (verification.state == VerifyState::kNever) return;
  *proto.mutable_verify_time() = TimeToProto(verification.time);
  if (!verification.task.is_zero()) {
    proto.set_verify_task(verification.task.ToString());
  }
  for (const DamagedRange& range : verification.damage) {
    *proto.add_damage() = ToProto(range);
  }
  proto.set_damaged_bytes(verification.damaged_bytes);
}

absl::StatusOr<Verification> VerificationFromProto(
    const model::v1::Snapshot& proto) {
  Verification verification;
  ASSIGN_OR_RETURN(verification.state,
                   VerifyStateFromProto("verify_state", proto.verify_state()));
  if (proto.has_verify_time()) {
    ASSIGN_OR_RETURN(verification.time,
                     TimeFromProto("verify_time", proto.verify_time()));
  }
  if (!proto.verify_task().empty()) {
    ASSIGN_OR_RETURN(verification.task,
                     UuidFromText("verify_task", proto.verify_task()));
  }
  ASSIGN_OR_RETURN(verification.damage,
                   DamageFromProto("damage", proto.damage()));
  verification.damaged_bytes = proto.damaged_bytes();
  return verification;
}

}  // namespace

model::v1::VerifyState ToProto(VerifyState state) {
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

absl::StatusOr<VerifyState> VerifyStateFromProto(std::string_view field,
                                                 model::v1::VerifyState state) {
  switch (state) {
    case model::v1::VERIFY_STATE_UNSPECIFIED:
      return VerifyState::kNever;
    case model::v1::VERIFY_STATE_OK:
      return VerifyState::kOk;
    case model::v1::VERIFY_STATE_FAILED:
      return VerifyState::kFailed;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(field, " is ", static_cast<int>(state),
                       ", which is no state of a verify"));
  }
}

model::v1::DamagedRange ToProto(const DamagedRange& range) {
  model::v1::DamagedRange proto;
  proto.set_archive(range.archive);
  proto.set_offset(range.offset);
  proto.set_length(range.length);
  return proto;
}

absl::StatusOr<std::vector<DamagedRange>> DamageFromProto(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<model::v1::DamagedRange>& protos) {
  const size_t count = static_cast<size_t>(protos.size());
  if (count > kMaxDamagedRanges) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " has ", count, " items, allowed are ", kMaxDamagedRanges));
  }
  std::vector<DamagedRange> damage;
  damage.reserve(count);
  for (const model::v1::DamagedRange& proto : protos) {
    const absl::Status named = ValidateArchiveId(proto.archive());
    if (!named.ok()) {
      return WithContext(named,
                         IndexedField(field, static_cast<int>(damage.size())));
    }
    damage.push_back({.archive = proto.archive(),
                      .offset = proto.offset(),
                      .length = proto.length()});
  }
  return damage;
}

absl::StatusOr<std::vector<SnapshotName>> SnapshotNamesFromProto(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<std::string>& names, size_t most) {
  const size_t count = static_cast<size_t>(names.size());
  if (count == 0 || count > most) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " has ", count, " items, allowed are 1..", most));
  }
  std::vector<SnapshotName> decoded;
  decoded.reserve(count);
  absl::flat_hash_set<std::string_view> seen;
  for (const std::string& name : names) {
    const std::string item =
        IndexedField(field, static_cast<int>(decoded.size()));
    if (!seen.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(item, " is ", name, ", which is there twice"));
    }
    ASSIGN_OR_RETURN(SnapshotName one, NameFromProto<SnapshotName>(item, name));
    decoded.push_back(std::move(one));
  }
  return decoded;
}

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
  VerificationToProto(snapshot.verification, proto);
  proto.set_sequence(snapshot.sequence);
  proto.set_session(snapshot.session.ToString());
  *proto.mutable_publish_time() = TimeToProto(snapshot.publish_time);
  proto.set_size_bytes(snapshot.size_bytes());
  proto.set_stored_bytes(snapshot.stored_bytes);
  proto.set_recovered(snapshot.recovered);
  if (snapshot.trash_time.has_value()) {
    *proto.mutable_trash_time() = TimeToProto(*snapshot.trash_time);
  }
  if (snapshot.trash_until.has_value()) {
    *proto.mutable_trash_until() = TimeToProto(*snapshot.trash_until);
  }
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
  ASSIGN_OR_RETURN(snapshot.verification, VerificationFromProto(proto));
  snapshot.sequence = proto.sequence();
  ASSIGN_OR_RETURN(snapshot.session, UuidFromText("session", proto.session()));
  ASSIGN_OR_RETURN(snapshot.publish_time,
                   TimeFromProto("publish_time", proto.publish_time()));
  snapshot.stored_bytes = proto.stored_bytes();
  snapshot.recovered = proto.recovered();
  if (proto.has_trash_time()) {
    ASSIGN_OR_RETURN(snapshot.trash_time,
                     TimeFromProto("trash_time", proto.trash_time()));
  }
  if (proto.has_trash_until()) {
    ASSIGN_OR_RETURN(snapshot.trash_until,
                     TimeFromProto("trash_until", proto.trash_until()));
  }
  return snapshot;
}

}  // namespace cairn
