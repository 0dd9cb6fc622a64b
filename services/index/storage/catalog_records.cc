#include "services/index/storage/catalog_records.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/status/status_macros.h"
#include "services/index/storage/record_parts.h"

namespace cairn::index {
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

absl::StatusOr<DatastoreRef> DecodeRef(const record::v1::Manifest& proto) {
  DatastoreRef ref;
  ASSIGN_OR_RETURN(ref.uuid,
                   DecodeUuid("datastore_uuid", proto.datastore_uuid()));
  if (proto.generation() == 0 || proto.sequence() == 0 || proto.epoch() == 0) {
    return absl::DataLossError("generation, sequence or epoch is 0");
  }
  ref.generation = proto.generation();
  return ref;
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  record::v1::Manifest proto;
  proto.set_format_version(kFormatVersion);
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
  manifest.sequence = proto.sequence();
  ASSIGN_OR_RETURN(manifest.snapshot.group, DecodeGroupName(proto.group()));
  if (proto.time() < 1 || proto.time() > kMaxSnapshotTime) {
    return absl::DataLossError(
        absl::StrCat("time is ", proto.time(), ", which is out of bounds"));
  }
  manifest.snapshot.time = proto.time();
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
  event.set_format_version(kFormatVersion);
  event.set_datastore_uuid(std::string(header.datastore.uuid.view()));
  event.set_generation(header.datastore.generation);
  event.set_sequence(header.sequence);
  event.set_time_nanos(EncodeTime(header.time));
  event.set_principal(header.principal);
  std::visit([&event](const auto& one) { Fill(one, event); }, change);
  return SerializeDeterministically(event);
}

}  // namespace cairn::index
