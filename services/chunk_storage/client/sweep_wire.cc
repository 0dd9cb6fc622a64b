#include "services/chunk_storage/client/sweep_wire.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "common/wire/mark.h"
#include "common/wire/scalars.h"
#include "services/chunk_storage/client/record_wire.h"

namespace cairn {

namespace v1 = chunk_storage::v1;

v1::MarkSummary ToProto(const MarkSummary& summary) {
  v1::MarkSummary proto;
  proto.set_marked_records(summary.marked.records);
  proto.set_marked_bytes(summary.marked.bytes);
  proto.set_trash_records(summary.trash.records);
  proto.set_trash_bytes(summary.trash.bytes);
  proto.set_session_records(summary.session.records);
  proto.set_session_bytes(summary.session.bytes);
  proto.set_missing_records(summary.missing_records);
  for (const MarkRun& run : summary.missing) {
    *proto.add_missing() = ToProto(run);
  }
  proto.set_unmarked_records(summary.unmarked.records);
  proto.set_unmarked_bytes(summary.unmarked.bytes);
  proto.set_spared_records(summary.spared.records);
  proto.set_spared_bytes(summary.spared.bytes);
  return proto;
}

absl::StatusOr<MarkSummary> FromProto(const v1::MarkSummary& proto) {
  MarkSummary summary = {
      .marked = {proto.marked_records(), proto.marked_bytes()},
      .trash = {proto.trash_records(), proto.trash_bytes()},
      .session = {proto.session_records(), proto.session_bytes()},
      .missing_records = proto.missing_records(),
      .unmarked = {proto.unmarked_records(), proto.unmarked_bytes()},
      .spared = {proto.spared_records(), proto.spared_bytes()}};
  for (int i = 0; i < proto.missing_size(); ++i) {
    ASSIGN_OR_RETURN(MarkRun run,
                     FromProto(IndexedField("missing", i), proto.missing(i)));
    summary.missing.push_back(std::move(run));
  }
  return summary;
}

v1::Pack ToProto(const PackInfo& pack) {
  v1::Pack proto;
  proto.set_number(pack.number);
  proto.set_uuid(pack.uuid.ToString());
  proto.set_pack_class(static_cast<uint32_t>(pack.pack_class));
  proto.set_file_bytes(pack.file_bytes);
  proto.set_record_count(pack.records.records);
  proto.set_record_bytes(pack.records.bytes);
  if (pack.proof_time.has_value()) {
    *proto.mutable_proof_time() = TimeToProto(*pack.proof_time);
  }
  if (pack.presence_time.has_value()) {
    *proto.mutable_presence_time() = TimeToProto(*pack.presence_time);
  }
  if (pack.seal_time.has_value()) {
    *proto.mutable_seal_time() = TimeToProto(*pack.seal_time);
  }
  proto.set_kept_records(pack.kept.records);
  proto.set_kept_bytes(pack.kept.bytes);
  proto.set_missing(pack.missing);
  return proto;
}

absl::StatusOr<PackInfo> FromProto(const v1::Pack& proto) {
  PackInfo pack = {.number = proto.number(),
                   .file_bytes = proto.file_bytes(),
                   .records = {proto.record_count(), proto.record_bytes()},
                   .kept = {proto.kept_records(), proto.kept_bytes()},
                   .missing = proto.missing()};
  ASSIGN_OR_RETURN(pack.uuid, UuidFromText("uuid", proto.uuid()));
  if (proto.pack_class() < 1 || proto.pack_class() > 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pack_class is ", proto.pack_class(), ", allowed are 1 and 2"));
  }
  pack.pack_class = static_cast<PackClass>(proto.pack_class());
  if (proto.has_proof_time()) {
    ASSIGN_OR_RETURN(pack.proof_time,
                     TimeFromProto("proof_time", proto.proof_time()));
  }
  if (proto.has_presence_time()) {
    ASSIGN_OR_RETURN(pack.presence_time,
                     TimeFromProto("presence_time", proto.presence_time()));
  }
  if (proto.has_seal_time()) {
    ASSIGN_OR_RETURN(pack.seal_time,
                     TimeFromProto("seal_time", proto.seal_time()));
  }
  return pack;
}

v1::SweepPacksRequest ToProto(const SweepPacksRequest& request) {
  v1::SweepPacksRequest proto;
  proto.set_set(std::string(request.set.view()));
  proto.set_token(request.token);
  proto.mutable_packs()->Assign(request.packs.begin(), request.packs.end());
  proto.mutable_compact()->Assign(request.compact.begin(),
                                  request.compact.end());
  proto.set_max_copy_bytes(request.max_copy_bytes);
  proto.set_copy_bytes_per_second(request.copy_bytes_per_second);
  return proto;
}

absl::StatusOr<SweepPacksRequest> FromProto(
    const v1::SweepPacksRequest& proto) {
  SweepPacksRequest request = {
      .token = proto.token(),
      .packs = {proto.packs().begin(), proto.packs().end()},
      .compact = {proto.compact().begin(), proto.compact().end()},
      .max_copy_bytes = proto.max_copy_bytes(),
      .copy_bytes_per_second = proto.copy_bytes_per_second()};
  ASSIGN_OR_RETURN(request.set, UuidFromProto("set", proto.set()));
  return request;
}

v1::SweepPacksResponse ToProto(const SweptPacks& swept) {
  v1::SweepPacksResponse proto;
  proto.set_dropped_records(swept.dropped.records);
  proto.set_dropped_bytes(swept.dropped.bytes);
  proto.set_removed_packs(swept.removed_packs);
  proto.set_removed_bytes(swept.removed_bytes);
  proto.set_copied_records(swept.copied.records);
  proto.set_copied_bytes(swept.copied.bytes);
  proto.set_new_packs(swept.new_packs);
  proto.set_new_bytes(swept.new_bytes);
  proto.set_spared_records(swept.spared_records);
  proto.mutable_damaged_packs()->Assign(swept.damaged_packs.begin(),
                                        swept.damaged_packs.end());
  proto.mutable_remaining()->Assign(swept.remaining.begin(),
                                    swept.remaining.end());
  return proto;
}

SweptPacks FromProto(const v1::SweepPacksResponse& proto) {
  return {.dropped = {proto.dropped_records(), proto.dropped_bytes()},
          .removed_packs = proto.removed_packs(),
          .removed_bytes = proto.removed_bytes(),
          .copied = {proto.copied_records(), proto.copied_bytes()},
          .new_packs = proto.new_packs(),
          .new_bytes = proto.new_bytes(),
          .spared_records = proto.spared_records(),
          .damaged_packs = {proto.damaged_packs().begin(),
                            proto.damaged_packs().end()},
          .remaining = {proto.remaining().begin(), proto.remaining().end()}};
}

v1::VerifyPacksRequest ToProto(const VerifyPacksRequest& request) {
  v1::VerifyPacksRequest proto;
  proto.mutable_packs()->Assign(request.packs.begin(), request.packs.end());
  if (request.set.has_value()) {
    proto.set_set(std::string(request.set->view()));
  }
  proto.set_depth(static_cast<v1::VerifyDepth>(request.depth));
  proto.set_read_bytes_per_second(request.read_bytes_per_second);
  return proto;
}

absl::StatusOr<VerifyPacksRequest> FromProto(
    const v1::VerifyPacksRequest& proto) {
  VerifyPacksRequest request = {
      .packs = {proto.packs().begin(), proto.packs().end()},
      .read_bytes_per_second = proto.read_bytes_per_second()};
  if (!proto.set().empty()) {
    ASSIGN_OR_RETURN(request.set, UuidFromProto("set", proto.set()));
  }
  if (proto.depth() != v1::VERIFY_DEPTH_LIGHT &&
      proto.depth() != v1::VERIFY_DEPTH_DEEP) {
    return absl::InvalidArgumentError(absl::StrCat(
        "depth is ", static_cast<int>(proto.depth()), ", allowed are 1 and 2"));
  }
  request.depth = static_cast<VerifyDepth>(proto.depth());
  return request;
}

v1::VerifyPacksResponse::Damage ToProto(const RecordDamage& damage) {
  v1::VerifyPacksResponse::Damage proto;
  *proto.mutable_key() = ToProto(damage.key);
  proto.set_why(damage.why);
  return proto;
}

absl::StatusOr<RecordDamage> FromProto(
    std::string_view field, const v1::VerifyPacksResponse::Damage& proto) {
  RecordDamage damage = {.why = proto.why()};
  ASSIGN_OR_RETURN(damage.key,
                   FromProto(absl::StrCat(field, ".key"), proto.key()));
  return damage;
}

std::vector<v1::VerifyPacksResponse> ToProtos(const VerifiedPack& pack) {
  std::vector<v1::VerifyPacksResponse> messages(1);
  for (const RecordDamage& damage : pack.damage) {
    if (messages.back().damage_size() ==
        static_cast<int>(kMaxDamagePerMessage)) {
      messages.emplace_back();
    }
    *messages.back().add_damage() = ToProto(damage);
  }
  v1::VerifyPacksResponse& last = messages.back();
  last.set_pack(pack.pack);
  last.set_records(pack.records.records);
  last.set_stored_bytes(pack.records.bytes);
  last.set_plain_bytes(pack.plain_bytes);
  return messages;
}

}  // namespace cairn
