#include "services/index/client/index_wire.h"

#include <utility>
#include <variant>

#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"

namespace cairn::index {
namespace {

// The level in a page's encoding; 0 where there is none.
constexpr size_t kLevelOffset = 4;

void Encode(const CreateDatastoreChange& change, v1::CatalogChange& proto) {
  auto& one = *proto.mutable_create_datastore();
  one.set_name(DatastoreNameToProto(change.datastore));
  one.set_uuid(std::string(change.uuid.view()));
  one.set_comment(change.comment);
}

void Encode(const CreateNamespaceChange& change, v1::CatalogChange& proto) {
  auto& one = *proto.mutable_create_namespace();
  one.set_name(change.name.ToString());
  one.set_comment(change.comment);
}

void Encode(const DeleteNamespaceChange& change, v1::CatalogChange& proto) {
  proto.mutable_delete_namespace()->set_name(change.name.ToString());
}

void Encode(const UpdateGroupChange& change, v1::CatalogChange& proto) {
  auto& one = *proto.mutable_update_group();
  one.set_name(change.name.ToString());
  if (change.owner.has_value()) one.set_owner(*change.owner);
  if (change.notes.has_value()) one.set_notes(*change.notes);
}

void Encode(const UpdateSnapshotChange& change, v1::CatalogChange& proto) {
  auto& one = *proto.mutable_update_snapshot();
  one.set_name(change.name.ToString());
  if (change.notes.has_value()) one.set_notes(*change.notes);
  if (change.is_protected.has_value()) one.set_protected_(*change.is_protected);
}

void Encode(const RefusedPublishChange& change, v1::CatalogChange& proto) {
  auto& one = *proto.mutable_refused_publish();
  one.set_name(change.name.ToString());
  one.set_session(std::string(change.session.view()));
  one.set_manifest(std::string(change.manifest.view()));
}

template <typename Change, typename Proto>
void EncodeNames(const Change& change, Proto& proto) {
  proto.set_datastore(DatastoreNameToProto(change.datastore));
  for (const SnapshotName& name : change.names) {
    proto.add_names(name.ToString());
  }
}

void Encode(const ForgetSnapshotsChange& change, v1::CatalogChange& proto) {
  auto& one = *proto.mutable_forget_snapshots();
  EncodeNames(change, one);
  *one.mutable_trash_time() = DurationToProto(change.trash_time);
}

void Encode(const UndeleteSnapshotsChange& change, v1::CatalogChange& proto) {
  EncodeNames(change, *proto.mutable_undelete_snapshots());
}

// No caller can ask for it: index refuses a change that is not set.
void Encode(const SnapshotsGoneChange&, v1::CatalogChange&) {}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::CreateDatastore& proto) {
  CreateDatastoreChange change;
  ASSIGN_OR_RETURN(change.datastore,
                   DatastoreNameFromProto("name", proto.name()));
  ASSIGN_OR_RETURN(change.uuid, UuidFromProto("uuid", proto.uuid()));
  RETURN_IF_ERROR(
      CheckTextLength("comment", proto.comment(), kMaxCommentBytes));
  change.comment = proto.comment();
  return change;
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::CreateNamespace& proto) {
  CreateNamespaceChange change;
  ASSIGN_OR_RETURN(change.name,
                   NameFromProto<NamespaceName>("name", proto.name()));
  RETURN_IF_ERROR(
      CheckTextLength("comment", proto.comment(), kMaxCommentBytes));
  change.comment = proto.comment();
  return change;
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::DeleteNamespace& proto) {
  DeleteNamespaceChange change;
  ASSIGN_OR_RETURN(change.name,
                   NameFromProto<NamespaceName>("name", proto.name()));
  return change;
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::UpdateGroup& proto) {
  UpdateGroupChange change;
  ASSIGN_OR_RETURN(change.name, NameFromProto<GroupName>("name", proto.name()));
  if (proto.has_owner()) {
    RETURN_IF_ERROR(
        CheckTextLength("owner", proto.owner(), kMaxPrincipalBytes));
    change.owner = proto.owner();
  }
  if (proto.has_notes()) {
    RETURN_IF_ERROR(CheckTextLength("notes", proto.notes(), kMaxNotesBytes));
    change.notes = proto.notes();
  }
  return change;
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::UpdateSnapshot& proto) {
  UpdateSnapshotChange change;
  ASSIGN_OR_RETURN(change.name,
                   NameFromProto<SnapshotName>("name", proto.name()));
  if (proto.has_notes()) {
    RETURN_IF_ERROR(CheckTextLength("notes", proto.notes(), kMaxNotesBytes));
    change.notes = proto.notes();
  }
  if (proto.has_protected_()) change.is_protected = proto.protected_();
  return change;
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::RefusedPublish& proto) {
  RefusedPublishChange change;
  ASSIGN_OR_RETURN(change.name,
                   NameFromProto<SnapshotName>("name", proto.name()));
  ASSIGN_OR_RETURN(change.session, UuidFromProto("session", proto.session()));
  ASSIGN_OR_RETURN(change.manifest,
                   DigestFromProto("manifest", proto.manifest()));
  return change;
}

template <typename Change, typename Proto>
absl::Status DecodeNames(const Proto& proto, Change& change) {
  ASSIGN_OR_RETURN(change.datastore,
                   DatastoreNameFromProto("datastore", proto.datastore()));
  ASSIGN_OR_RETURN(
      change.names,
      SnapshotNamesFromProto("names", proto.names(), kMaxSnapshotsPerChange));
  return absl::OkStatus();
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::ForgetSnapshots& proto) {
  ForgetSnapshotsChange change;
  RETURN_IF_ERROR(DecodeNames(proto, change));
  ASSIGN_OR_RETURN(change.trash_time,
                   DurationFromProto("trash_time", proto.trash_time()));
  return change;
}

absl::StatusOr<CatalogChange> Decode(
    const v1::CatalogChange::UndeleteSnapshots& proto) {
  UndeleteSnapshotsChange change;
  RETURN_IF_ERROR(DecodeNames(proto, change));
  return change;
}

absl::StatusOr<std::optional<BackupType>> DecodeType(const std::string& text) {
  if (text.empty()) return std::nullopt;
  absl::StatusOr<BackupType> type = ParseBackupType(text);
  if (!type.ok()) return WithContext(type.status(), "type");
  return *type;
}

}  // namespace

v1::CatalogChange ToProto(const CatalogChange& change) {
  v1::CatalogChange proto;
  std::visit([&proto](const auto& one) { Encode(one, proto); }, change);
  return proto;
}

absl::StatusOr<CatalogChange> FromProto(const v1::CatalogChange& proto) {
  switch (proto.change_case()) {
    case v1::CatalogChange::kCreateDatastore:
      return Decode(proto.create_datastore());
    case v1::CatalogChange::kCreateNamespace:
      return Decode(proto.create_namespace());
    case v1::CatalogChange::kDeleteNamespace:
      return Decode(proto.delete_namespace());
    case v1::CatalogChange::kUpdateGroup:
      return Decode(proto.update_group());
    case v1::CatalogChange::kUpdateSnapshot:
      return Decode(proto.update_snapshot());
    case v1::CatalogChange::kRefusedPublish:
      return Decode(proto.refused_publish());
    case v1::CatalogChange::kForgetSnapshots:
      return Decode(proto.forget_snapshots());
    case v1::CatalogChange::kUndeleteSnapshots:
      return Decode(proto.undelete_snapshots());
    case v1::CatalogChange::CHANGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("change is not set");
}

v1::ListGroupsRequest ToProto(const GroupQuery& query,
                              const PageRequest& page) {
  v1::ListGroupsRequest proto;
  proto.set_parent(query.parent.ToString());
  proto.set_max_depth(query.max_depth);
  if (query.type.has_value()) {
    proto.set_type(std::string(BackupTypeName(*query.type)));
  }
  proto.set_page_size(page.page_size);
  proto.set_page_token(page.page_token);
  return proto;
}

absl::StatusOr<GroupQuery> FromProto(const v1::ListGroupsRequest& proto) {
  GroupQuery query;
  ASSIGN_OR_RETURN(query.parent,
                   NameFromProto<NamespaceName>("parent", proto.parent()));
  query.max_depth = proto.max_depth();
  ASSIGN_OR_RETURN(query.type, DecodeType(proto.type()));
  return query;
}

v1::ListSnapshotsRequest ToProto(const SnapshotQuery& query,
                                 const PageRequest& page) {
  v1::ListSnapshotsRequest proto;
  proto.set_parent(query.group.has_value() ? query.group->ToString()
                                           : query.parent.ToString());
  proto.set_max_depth(query.max_depth);
  if (query.type.has_value()) {
    proto.set_type(std::string(BackupTypeName(*query.type)));
  }
  if (query.not_before.has_value()) {
    *proto.mutable_not_before() = SnapshotTimeToProto(*query.not_before);
  }
  if (query.before.has_value()) {
    *proto.mutable_before() = SnapshotTimeToProto(*query.before);
  }
  proto.set_protected_only(query.protected_only);
  proto.set_newest_first(query.newest_first);
  proto.set_trash(query.trash);
  proto.set_page_size(page.page_size);
  proto.set_page_token(page.page_token);
  return proto;
}

absl::StatusOr<SnapshotQuery> FromProto(const v1::ListSnapshotsRequest& proto) {
  SnapshotQuery query;
  const absl::StatusOr<GroupName> group = GroupName::Parse(proto.parent());
  if (group.ok()) {
    query.group = *group;
    query.parent = group->parent;
  } else {
    ASSIGN_OR_RETURN(query.parent,
                     NameFromProto<NamespaceName>("parent", proto.parent()));
  }
  query.max_depth = proto.max_depth();
  ASSIGN_OR_RETURN(query.type, DecodeType(proto.type()));
  if (proto.has_not_before()) {
    ASSIGN_OR_RETURN(query.not_before,
                     SnapshotTimeFromProto("not_before", proto.not_before()));
  }
  if (proto.has_before()) {
    ASSIGN_OR_RETURN(query.before,
                     SnapshotTimeFromProto("before", proto.before()));
  }
  query.protected_only = proto.protected_only();
  query.newest_first = proto.newest_first();
  query.trash = proto.trash();
  return query;
}

absl::StatusOr<std::vector<EncodedPage>> FromProto(
    const v1::PutPagesRequest& proto) {
  if (static_cast<size_t>(proto.pages_size()) > kMaxWirePages) {
    return absl::InvalidArgumentError(
        absl::StrCat("pages has ", proto.pages_size(),
                     " items, allowed are 1..", kMaxWirePages));
  }
  std::vector<EncodedPage> pages;
  for (const std::string& bytes : proto.pages()) {
    const uint32_t level = bytes.size() > kLevelOffset
                               ? static_cast<uint8_t>(bytes[kLevelOffset])
                               : 0;
    pages.push_back({.id = Sha256(bytes), .level = level, .bytes = bytes});
  }
  return pages;
}

absl::StatusOr<std::vector<Digest>> FromProto(
    const v1::GetPagesRequest& proto) {
  const size_t count = static_cast<size_t>(proto.ids_size());
  if (count == 0 || count > kMaxPageIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ids has ", count, " items, allowed are 1..", kMaxPageIds));
  }
  std::vector<Digest> ids;
  ids.reserve(count);
  for (const std::string& bytes : proto.ids()) {
    ASSIGN_OR_RETURN(const Digest id, DigestFromProto("ids", bytes));
    ids.push_back(id);
  }
  return ids;
}

v1::FenceState ToProto(const FenceState& state) {
  v1::FenceState proto;
  proto.set_fence(state.fence);
  proto.set_sequence(state.sequence);
  proto.set_highest_epoch(state.highest_epoch);
  proto.set_highest_token(state.highest_token);
  return proto;
}

FenceState FromProto(const v1::FenceState& proto) {
  return {.fence = proto.fence(),
          .sequence = proto.sequence(),
          .highest_epoch = proto.highest_epoch(),
          .highest_token = proto.highest_token()};
}

}  // namespace cairn::index
