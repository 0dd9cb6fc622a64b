#include "common/wire/catalog_records.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/status/status_macros.h"
#include "common/wire/record_parts.h"

namespace cairn {
namespace {

// One overload per change: a new one does not compile without its event.
void Fill(const CreateDatastoreChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_datastore_created();
  proto.set_name(change.datastore);
  proto.set_comment(change.comment);
}

void Fill(const CreateNamespaceChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_namespace_created();
  proto.set_path(change.name.path.ToString());
  proto.set_comment(change.comment);
}

void Fill(const DeleteNamespaceChange& change, record::v1::Event& event) {
  event.mutable_namespace_deleted()->set_path(change.name.path.ToString());
}

void Fill(const UpdateGroupChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_group_updated();
  *proto.mutable_group() = EncodeGroupName(change.name);
  if (change.owner.has_value()) proto.set_owner(*change.owner);
  if (change.notes.has_value()) proto.set_notes(*change.notes);
}

void Fill(const UpdateSnapshotChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_snapshot_updated();
  *proto.mutable_group() = EncodeGroupName(change.name.group);
  proto.set_time(change.name.time);
  if (change.notes.has_value()) proto.set_notes(*change.notes);
  if (change.is_protected.has_value()) {
    proto.set_protected_(*change.is_protected);
  }
}

void Fill(const RefusedPublishChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_publish_refused();
  *proto.mutable_group() = EncodeGroupName(change.name.group);
  proto.set_time(change.name.time);
  proto.set_session(std::string(change.session.view()));
  proto.set_manifest(std::string(change.manifest.view()));
}

template <typename Proto>
void FillNames(const std::vector<SnapshotName>& names, Proto& proto) {
  for (const SnapshotName& name : names) {
    auto& key = *proto.add_snapshots();
    *key.mutable_group() = EncodeGroupName(name.group);
    key.set_time(name.time);
  }
}

// Its time is the event's.
void Fill(const ForgetSnapshotsChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_snapshots_forgotten();
  FillNames(change.names, proto);
  proto.set_time_nanos(event.time_nanos());
  proto.set_until_nanos(
      EncodeTime(DecodeTime(event.time_nanos()) + change.trash_time));
}

void Fill(const UndeleteSnapshotsChange& change, record::v1::Event& event) {
  FillNames(change.names, *event.mutable_snapshots_undeleted());
}

void Fill(const SnapshotsGoneChange& change, record::v1::Event& event) {
  auto& proto = *event.mutable_snapshots_gone();
  FillNames(change.names, proto);
  proto.set_token(change.token);
}

template <typename Proto>
absl::StatusOr<DatastoreRef> DecodeRef(const Proto& proto) {
  DatastoreRef ref;
  ASSIGN_OR_RETURN(ref.uuid,
                   DecodeUuid("datastore_uuid", proto.datastore_uuid()));
  if (proto.generation() == 0 || proto.sequence() == 0) {
    return absl::DataLossError("generation or sequence is 0");
  }
  ref.generation = proto.generation();
  return ref;
}

absl::StatusOr<SnapshotName> DecodeSnapshotName(
    const record::v1::GroupKey& group, int64_t time) {
  SnapshotName name;
  ASSIGN_OR_RETURN(name.group, DecodeGroupName(group));
  if (time < 1 || time > kMaxSnapshotTime) {
    return absl::DataLossError(
        absl::StrCat("time is ", time, ", which is out of bounds"));
  }
  name.time = time;
  return name;
}

absl::StatusOr<NamespaceName> DecodeNamespacePath(const std::string& text) {
  absl::StatusOr<NamespacePath> path = NamespacePath::Parse(text);
  if (!path.ok()) return absl::DataLossError(path.status().message());
  if (path->is_root()) return absl::DataLossError("the path is empty");
  return NamespaceName{.datastore = "", .path = *std::move(path)};
}

absl::Status CheckLength(std::string_view field, const std::string& text,
                         size_t most) {
  if (text.size() <= most) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(field, " is ", text.size(),
                                          " bytes long, allowed are ", most));
}

// One overload per kind of event: the reverse of Fill.
absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::DatastoreCreated& proto, const Uuid& datastore) {
  if (!ValidateDatastoreId(proto.name()).ok()) {
    return absl::DataLossError("the datastore's name breaks the rules");
  }
  RETURN_IF_ERROR(CheckLength("comment", proto.comment(), kMaxCommentBytes));
  return CreateDatastoreChange{
      .datastore = proto.name(), .uuid = datastore, .comment = proto.comment()};
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::NamespaceCreated& proto) {
  CreateNamespaceChange change;
  ASSIGN_OR_RETURN(change.name, DecodeNamespacePath(proto.path()));
  RETURN_IF_ERROR(CheckLength("comment", proto.comment(), kMaxCommentBytes));
  change.comment = proto.comment();
  return change;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::NamespaceDeleted& proto) {
  DeleteNamespaceChange change;
  ASSIGN_OR_RETURN(change.name, DecodeNamespacePath(proto.path()));
  return change;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::GroupUpdated& proto) {
  UpdateGroupChange change;
  ASSIGN_OR_RETURN(change.name, DecodeGroupName(proto.group()));
  RETURN_IF_ERROR(CheckLength("owner", proto.owner(), kMaxPrincipalBytes));
  RETURN_IF_ERROR(CheckLength("notes", proto.notes(), kMaxNotesBytes));
  if (proto.has_owner()) change.owner = proto.owner();
  if (proto.has_notes()) change.notes = proto.notes();
  return change;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::SnapshotUpdated& proto) {
  UpdateSnapshotChange change;
  ASSIGN_OR_RETURN(change.name,
                   DecodeSnapshotName(proto.group(), proto.time()));
  RETURN_IF_ERROR(CheckLength("notes", proto.notes(), kMaxNotesBytes));
  if (proto.has_notes()) change.notes = proto.notes();
  if (proto.has_protected_()) change.is_protected = proto.protected_();
  return change;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::PublishRefused& proto) {
  RefusedPublishChange change;
  ASSIGN_OR_RETURN(change.name,
                   DecodeSnapshotName(proto.group(), proto.time()));
  ASSIGN_OR_RETURN(change.session, DecodeUuid("session", proto.session()));
  ASSIGN_OR_RETURN(change.manifest, DecodeDigest("manifest", proto.manifest()));
  return change;
}

// Of one datastore, whose name is left in `datastore`.
template <typename Proto>
absl::StatusOr<std::vector<SnapshotName>> DecodeNames(const Proto& proto,
                                                      std::string& datastore) {
  const size_t count = static_cast<size_t>(proto.snapshots_size());
  if (count > kMaxSnapshotsPerChange) {
    return absl::DataLossError(absl::StrCat("an event of ", count,
                                            " snapshots, allowed are ",
                                            kMaxSnapshotsPerChange));
  }
  std::vector<SnapshotName> names;
  names.reserve(count);
  for (const auto& key : proto.snapshots()) {
    ASSIGN_OR_RETURN(SnapshotName name,
                     DecodeSnapshotName(key.group(), key.time()));
    if (names.empty()) datastore = name.group.parent.datastore;
    if (name.group.parent.datastore != datastore) {
      return absl::DataLossError(absl::StrCat("an event of two datastores, ",
                                              datastore, " and ",
                                              name.group.parent.datastore));
    }
    names.push_back(std::move(name));
  }
  return names;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::SnapshotsForgotten& proto) {
  ForgetSnapshotsChange change;
  ASSIGN_OR_RETURN(change.names, DecodeNames(proto, change.datastore));
  change.trash_time =
      DecodeTime(proto.until_nanos()) - DecodeTime(proto.time_nanos());
  if (change.trash_time < absl::ZeroDuration() ||
      change.trash_time > kMaxTrashTime) {
    return absl::DataLossError(absl::StrCat(
        "the time in trash is ", absl::FormatDuration(change.trash_time),
        ", which is out of bounds"));
  }
  return change;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::SnapshotsUndeleted& proto) {
  UndeleteSnapshotsChange change;
  ASSIGN_OR_RETURN(change.names, DecodeNames(proto, change.datastore));
  return change;
}

absl::StatusOr<CatalogChange> ReadChange(
    const record::v1::Event::SnapshotsGone& proto) {
  SnapshotsGoneChange change;
  ASSIGN_OR_RETURN(change.names, DecodeNames(proto, change.datastore));
  change.token = proto.token();
  return change;
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  record::v1::Manifest proto;
  proto.set_format_version(kRecordFormatVersion);
  proto.set_datastore_uuid(std::string(manifest.datastore.uuid.view()));
  proto.set_generation(manifest.datastore.generation);
  proto.set_sequence(manifest.sequence);
  *proto.mutable_group() = EncodeGroupName(manifest.snapshot.group);
  proto.set_time(manifest.snapshot.time);
  for (const Archive& archive : manifest.archives) {
    *proto.add_archives() = EncodeArchive(archive);
  }
  proto.set_owner(manifest.owner);
  proto.set_notes(manifest.notes);
  proto.set_session(std::string(manifest.session.view()));
  proto.set_epoch(manifest.epoch);
  proto.set_publish_time_nanos(EncodeTime(manifest.publish_time));
  proto.set_stored_bytes(manifest.stored_bytes);
  return SerializeDeterministically(proto);
}

absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes) {
  record::v1::Manifest proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        absl::StrCat(bytes.size(), " bytes that are no manifest"));
  }
  RETURN_IF_ERROR(CheckFormatVersion(proto.format_version()));
  Manifest manifest;
  ASSIGN_OR_RETURN(manifest.datastore, DecodeRef(proto));
  if (proto.epoch() == 0) return absl::DataLossError("epoch is 0");
  manifest.sequence = proto.sequence();
  ASSIGN_OR_RETURN(manifest.snapshot,
                   DecodeSnapshotName(proto.group(), proto.time()));
  RETURN_IF_ERROR(CheckLength("owner", proto.owner(), kMaxPrincipalBytes));
  RETURN_IF_ERROR(CheckLength("notes", proto.notes(), kMaxNotesBytes));
  ASSIGN_OR_RETURN(manifest.archives, DecodeArchives(proto.archives()));
  manifest.owner = proto.owner();
  manifest.notes = proto.notes();
  ASSIGN_OR_RETURN(manifest.session, DecodeUuid("session", proto.session()));
  manifest.epoch = proto.epoch();
  manifest.publish_time = DecodeTime(proto.publish_time_nanos());
  manifest.stored_bytes = proto.stored_bytes();
  return manifest;
}

std::string EncodeEvent(const EventHeader& header,
                        const CatalogChange& change) {
  record::v1::Event event;
  event.set_format_version(kRecordFormatVersion);
  event.set_datastore_uuid(std::string(header.datastore.uuid.view()));
  event.set_generation(header.datastore.generation);
  event.set_sequence(header.sequence);
  event.set_time_nanos(EncodeTime(header.time));
  event.set_principal(header.principal);
  std::visit([&event](const auto& one) { Fill(one, event); }, change);
  return SerializeDeterministically(event);
}

absl::StatusOr<Event> DecodeEvent(std::string_view bytes) {
  record::v1::Event proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        absl::StrCat(bytes.size(), " bytes that are no event"));
  }
  RETURN_IF_ERROR(CheckFormatVersion(proto.format_version()));
  Event event;
  ASSIGN_OR_RETURN(event.header.datastore, DecodeRef(proto));
  event.header.sequence = proto.sequence();
  event.header.time = DecodeTime(proto.time_nanos());
  event.header.principal = proto.principal();
  using Kind = record::v1::Event;
  absl::StatusOr<CatalogChange> change =
      absl::DataLossError("a change that this release does not know");
  switch (proto.change_case()) {
    case Kind::kDatastoreCreated:
      change =
          ReadChange(proto.datastore_created(), event.header.datastore.uuid);
      break;
    case Kind::kNamespaceCreated:
      change = ReadChange(proto.namespace_created());
      break;
    case Kind::kNamespaceDeleted:
      change = ReadChange(proto.namespace_deleted());
      break;
    case Kind::kGroupUpdated:
      change = ReadChange(proto.group_updated());
      break;
    case Kind::kSnapshotUpdated:
      change = ReadChange(proto.snapshot_updated());
      break;
    case Kind::kPublishRefused:
      change = ReadChange(proto.publish_refused());
      break;
    case Kind::kSnapshotsForgotten:
      change = ReadChange(proto.snapshots_forgotten());
      break;
    case Kind::kSnapshotsUndeleted:
      change = ReadChange(proto.snapshots_undeleted());
      break;
    case Kind::kSnapshotsGone:
      change = ReadChange(proto.snapshots_gone());
      break;
    case Kind::CHANGE_NOT_SET:
      break;
  }
  ASSIGN_OR_RETURN(event.change, std::move(change));
  return event;
}

}  // namespace cairn
