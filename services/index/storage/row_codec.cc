#include "services/index/storage/row_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/model/catalog.h"
#include "common/status/status_macros.h"
#include "common/wire/record_parts.h"

namespace cairn::index {
namespace {

template <typename Proto>
absl::StatusOr<Proto> Parse(std::string_view bytes) {
  Proto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        absl::StrCat(bytes.size(), " bytes that are no such row"));
  }
  RETURN_IF_ERROR(CheckFormatVersion(proto.format_version()));
  return proto;
}

template <typename Proto>
Proto NewRow() {
  Proto proto;
  proto.set_format_version(kRecordFormatVersion);
  return proto;
}

absl::Status BadNumber(std::string_view field, int64_t found) {
  return absl::DataLossError(
      absl::StrCat(field, " is ", found, ", which is out of bounds"));
}

absl::Status CheckTime(std::string_view field, int64_t time, int64_t lowest) {
  if (time >= lowest && time <= kMaxSnapshotTime) return absl::OkStatus();
  return BadNumber(field, time);
}

void EncodeVerification(const Verification& verification,
                        record::v1::SnapshotRow& proto) {
  proto.set_verify_state(static_cast<uint32_t>(verification.state));
  proto.set_verify_time_nanos(EncodeTime(verification.time));
  if (!verification.task.is_zero()) {
    proto.set_verify_task(std::string(verification.task.view()));
  }
  for (const DamagedRange& range : verification.damage) {
    record::v1::DamagedRange& one = *proto.add_damage();
    one.set_archive(range.archive);
    one.set_offset(range.offset);
    one.set_length(range.length);
  }
  proto.set_damaged_bytes(verification.damaged_bytes);
}

absl::StatusOr<Verification> DecodeVerification(
    const record::v1::SnapshotRow& proto) {
  Verification verification;
  if (proto.verify_state() > static_cast<uint32_t>(VerifyState::kFailed)) {
    return BadNumber("verify_state", proto.verify_state());
  }
  verification.state = static_cast<VerifyState>(proto.verify_state());
  verification.time = DecodeTime(proto.verify_time_nanos());
  if (!proto.verify_task().empty()) {
    ASSIGN_OR_RETURN(verification.task,
                     DecodeUuid("verify_task", proto.verify_task()));
  }
  if (static_cast<size_t>(proto.damage_size()) > kMaxDamagedRanges) {
    return BadNumber("the number of damaged ranges", proto.damage_size());
  }
  for (const record::v1::DamagedRange& one : proto.damage()) {
    if (!ValidateArchiveId(one.archive()).ok()) {
      return absl::DataLossError("a damaged range is of no archive");
    }
    verification.damage.push_back({.archive = one.archive(),
                                   .offset = one.offset(),
                                   .length = one.length()});
  }
  verification.damaged_bytes = proto.damaged_bytes();
  return verification;
}

}  // namespace

std::string EncodeDatastore(const Datastore& datastore) {
  auto proto = NewRow<record::v1::DatastoreRow>();
  proto.set_uuid(std::string(datastore.ref.uuid.view()));
  proto.set_generation(datastore.ref.generation);
  proto.set_comment(datastore.comment);
  proto.set_create_time_nanos(EncodeTime(datastore.create_time));
  return proto.SerializeAsString();
}

absl::StatusOr<Datastore> DecodeDatastore(std::string_view name,
                                          std::string_view bytes) {
  if (!ValidateDatastoreId(name).ok()) {
    return absl::DataLossError("the key is no name of a datastore");
  }
  ASSIGN_OR_RETURN(const auto proto, Parse<record::v1::DatastoreRow>(bytes));
  Datastore datastore;
  datastore.name = std::string(name);
  ASSIGN_OR_RETURN(datastore.ref.uuid, DecodeUuid("uuid", proto.uuid()));
  if (proto.generation() == 0) return BadNumber("generation", 0);
  datastore.ref.generation = proto.generation();
  datastore.comment = proto.comment();
  datastore.create_time = DecodeTime(proto.create_time_nanos());
  return datastore;
}

std::string EncodeNamespace(const NamespaceRow& row) {
  auto proto = NewRow<record::v1::NamespaceRow>();
  proto.set_comment(row.comment);
  proto.set_create_time_nanos(EncodeTime(row.create_time));
  proto.set_sequence(row.sequence);
  return proto.SerializeAsString();
}

absl::StatusOr<NamespaceRow> DecodeNamespace(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto proto, Parse<record::v1::NamespaceRow>(bytes));
  return NamespaceRow{.comment = proto.comment(),
                      .create_time = DecodeTime(proto.create_time_nanos()),
                      .sequence = proto.sequence()};
}

std::string EncodeGroup(const GroupRow& row) {
  auto proto = NewRow<record::v1::GroupRow>();
  proto.set_owner(row.owner);
  proto.set_notes(row.notes);
  proto.set_create_time_nanos(EncodeTime(row.create_time));
  proto.set_newest_time(row.newest_time);
  proto.set_owner_sequence(row.owner_sequence);
  proto.set_notes_sequence(row.notes_sequence);
  proto.set_listed_count(row.listed_count);
  proto.set_newest_listed_time(row.newest_listed_time);
  return proto.SerializeAsString();
}

absl::StatusOr<GroupRow> DecodeGroup(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto proto, Parse<record::v1::GroupRow>(bytes));
  RETURN_IF_ERROR(CheckTime("newest_time", proto.newest_time(), 0));
  RETURN_IF_ERROR(
      CheckTime("newest_listed_time", proto.newest_listed_time(), 0));
  return GroupRow{.owner = proto.owner(),
                  .notes = proto.notes(),
                  .create_time = DecodeTime(proto.create_time_nanos()),
                  .newest_time = proto.newest_time(),
                  .owner_sequence = proto.owner_sequence(),
                  .notes_sequence = proto.notes_sequence(),
                  .listed_count = proto.listed_count(),
                  .newest_listed_time = proto.newest_listed_time()};
}

std::string EncodeSnapshot(const SnapshotRow& row) {
  auto proto = NewRow<record::v1::SnapshotRow>();
  proto.set_state(static_cast<uint32_t>(row.state));
  for (const Archive& archive : row.archives) {
    *proto.add_archives() = EncodeArchive(archive);
  }
  proto.set_notes(row.notes);
  proto.set_protected_(row.is_protected);
  EncodeVerification(row.verification, proto);
  proto.set_sequence(row.sequence);
  proto.set_session(std::string(row.session.view()));
  proto.set_publish_time_nanos(EncodeTime(row.publish_time));
  proto.set_stored_bytes(row.stored_bytes);
  proto.set_manifest(std::string(row.manifest.view()));
  proto.set_notes_sequence(row.notes_sequence);
  proto.set_protected_sequence(row.protected_sequence);
  proto.set_recovered(row.recovered);
  proto.set_loss_mark(row.loss_mark);
  proto.set_trash_time_nanos(EncodeTime(row.trash_time));
  proto.set_trash_until_nanos(EncodeTime(row.trash_until));
  proto.set_state_sequence(row.state_sequence);
  proto.set_gone_token(row.gone_token);
  return proto.SerializeAsString();
}

absl::StatusOr<SnapshotRow> DecodeSnapshot(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto proto, Parse<record::v1::SnapshotRow>(bytes));
  SnapshotRow row;
  if (proto.state() < static_cast<uint32_t>(SnapshotState::kListed) ||
      proto.state() > static_cast<uint32_t>(SnapshotState::kGone)) {
    return BadNumber("state", proto.state());
  }
  row.state = static_cast<SnapshotState>(proto.state());
  ASSIGN_OR_RETURN(row.archives, DecodeArchives(proto.archives()));
  row.notes = proto.notes();
  row.is_protected = proto.protected_();
  ASSIGN_OR_RETURN(row.verification, DecodeVerification(proto));
  row.sequence = proto.sequence();
  ASSIGN_OR_RETURN(row.session, DecodeUuid("session", proto.session()));
  row.publish_time = DecodeTime(proto.publish_time_nanos());
  row.stored_bytes = proto.stored_bytes();
  ASSIGN_OR_RETURN(row.manifest, DecodeDigest("manifest", proto.manifest()));
  row.notes_sequence = proto.notes_sequence();
  row.protected_sequence = proto.protected_sequence();
  row.recovered = proto.recovered();
  row.loss_mark = proto.loss_mark();
  row.trash_time = DecodeTime(proto.trash_time_nanos());
  row.trash_until = DecodeTime(proto.trash_until_nanos());
  row.state_sequence = proto.state_sequence();
  row.gone_token = proto.gone_token();
  return row;
}

std::string EncodeSession(const SessionRow& row) {
  auto proto = NewRow<record::v1::SessionRow>();
  proto.set_state(static_cast<uint32_t>(row.state));
  proto.set_epoch(row.epoch);
  *proto.mutable_group() = EncodeGroupName(row.snapshot.group);
  proto.set_time(row.snapshot.time);
  proto.set_base_time(row.base_time.value_or(0));
  proto.set_owner(row.owner);
  proto.set_notes(row.notes);
  proto.set_client_label(row.client_label);
  proto.set_lease(std::string(row.lease.view()));
  proto.set_open_time_nanos(EncodeTime(row.open_time));
  if (row.end_time.has_value()) {
    proto.set_end_time_nanos(EncodeTime(*row.end_time));
  }
  proto.set_publish_sequence(row.publish_sequence);
  proto.set_manifest(row.manifest);
  proto.set_generation(row.generation);
  proto.set_explicit_time(row.explicit_time);
  proto.set_cancel_sequence(row.cancel_sequence);
  proto.set_loss_mark(row.loss_mark);
  for (const Archive& archive : row.base_archives) {
    *proto.add_base_archives() = EncodeArchive(archive);
  }
  return proto.SerializeAsString();
}

absl::StatusOr<SessionRow> DecodeSession(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto proto, Parse<record::v1::SessionRow>(bytes));
  SessionRow row;
  if (proto.state() < static_cast<uint32_t>(SessionState::kOpen) ||
      proto.state() > static_cast<uint32_t>(SessionState::kAborted)) {
    return BadNumber("state", proto.state());
  }
  row.state = static_cast<SessionState>(proto.state());
  if (proto.epoch() == 0) return BadNumber("epoch", 0);
  row.epoch = proto.epoch();
  if (proto.generation() == 0) return BadNumber("generation", 0);
  row.generation = proto.generation();
  ASSIGN_OR_RETURN(row.snapshot.group, DecodeGroupName(proto.group()));
  RETURN_IF_ERROR(CheckTime("time", proto.time(), 1));
  row.snapshot.time = proto.time();
  row.explicit_time = proto.explicit_time();
  if (proto.base_time() != 0) {
    RETURN_IF_ERROR(CheckTime("base_time", proto.base_time(), 1));
    row.base_time = proto.base_time();
  }
  row.owner = proto.owner();
  row.notes = proto.notes();
  row.client_label = proto.client_label();
  ASSIGN_OR_RETURN(row.lease, DecodeUuid("lease", proto.lease()));
  row.open_time = DecodeTime(proto.open_time_nanos());
  if (row.state != SessionState::kOpen) {
    row.end_time = DecodeTime(proto.end_time_nanos());
  }
  row.publish_sequence = proto.publish_sequence();
  row.manifest = proto.manifest();
  row.cancel_sequence = proto.cancel_sequence();
  row.loss_mark = proto.loss_mark();
  if (!proto.base_archives().empty()) {
    ASSIGN_OR_RETURN(row.base_archives, DecodeArchives(proto.base_archives()));
  }
  return row;
}

std::string EncodeCheckpoint(const ArchiveCheckpoint& row) {
  auto proto = NewRow<record::v1::CheckpointRow>();
  proto.set_kind(static_cast<uint32_t>(row.kind));
  *proto.mutable_chunker() = EncodeChunker(row.chunker);
  proto.set_durable_bytes(row.durable_bytes);
  proto.set_builder_state(row.builder_state);
  if (row.root.has_value()) *proto.mutable_root() = EncodeRoot(*row.root);
  proto.set_stored_bytes(row.stored_bytes);
  proto.set_revision(row.revision);
  return proto.SerializeAsString();
}

absl::StatusOr<ArchiveCheckpoint> DecodeCheckpoint(std::string_view archive,
                                                   std::string_view bytes) {
  ASSIGN_OR_RETURN(auto proto, Parse<record::v1::CheckpointRow>(bytes));
  ArchiveCheckpoint row;
  row.name = std::string(archive);
  ASSIGN_OR_RETURN(row.kind, DecodeKind(proto.kind()));
  row.chunker = DecodeChunker(proto.chunker());
  row.durable_bytes = proto.durable_bytes();
  row.builder_state = std::move(*proto.mutable_builder_state());
  if (proto.has_root()) {
    ASSIGN_OR_RETURN(row.root, DecodeRoot(proto.root()));
  }
  row.stored_bytes = proto.stored_bytes();
  row.revision = proto.revision();
  return row;
}

std::string EncodeState(const IndexState& state) {
  auto proto = NewRow<record::v1::IndexStateRow>();
  proto.set_fence(state.fence);
  proto.set_highest_epoch(state.highest_epoch);
  proto.set_highest_token(state.highest_token);
  proto.set_sequence_limit(state.sequence_limit);
  proto.set_namespace_delete_sequence(state.namespace_delete_sequence);
  proto.set_snapshot_count(state.snapshot_count);
  proto.set_logical_bytes(state.logical_bytes);
  proto.set_counted(state.counted);
  proto.set_trash_count(state.trash_count);
  proto.set_trash_bytes(state.trash_bytes);
  proto.set_gone_count(state.gone_count);
  proto.set_clock_nanos(EncodeTime(state.clock));
  return proto.SerializeAsString();
}

absl::StatusOr<IndexState> DecodeState(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto proto, Parse<record::v1::IndexStateRow>(bytes));
  if (proto.sequence_limit() == 0) return BadNumber("sequence_limit", 0);
  return IndexState{
      .fence = proto.fence(),
      .highest_epoch = proto.highest_epoch(),
      .highest_token = proto.highest_token(),
      .sequence_limit = proto.sequence_limit(),
      .namespace_delete_sequence = proto.namespace_delete_sequence(),
      .snapshot_count = proto.snapshot_count(),
      .logical_bytes = proto.logical_bytes(),
      .counted = proto.counted(),
      .trash_count = proto.trash_count(),
      .trash_bytes = proto.trash_bytes(),
      .gone_count = proto.gone_count(),
      .clock = DecodeTime(proto.clock_nanos())};
}

}  // namespace cairn::index
