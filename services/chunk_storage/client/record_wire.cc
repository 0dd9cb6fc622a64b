#include "services/chunk_storage/client/record_wire.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn {

namespace v1 = chunk_storage::v1;

namespace {

// The numbers of the enums are those of common/model/record.h.
absl::StatusOr<RecordKind> KindFromProto(std::string_view field,
                                         v1::RecordKind kind) {
  if (kind < v1::RECORD_KIND_CHUNK || kind > v1::RECORD_KIND_EVENT) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ".kind is ", static_cast<int>(kind), ", allowed are 1 to 4"));
  }
  return static_cast<RecordKind>(kind);
}

absl::StatusOr<Encoding> EncodingFromProto(std::string_view field,
                                           model::v1::Encoding encoding) {
  if (encoding < model::v1::ENCODING_RAW ||
      encoding > model::v1::ENCODING_ENCRYPTED_ZSTD) {
    return absl::InvalidArgumentError(absl::StrCat(field, ".encoding is ",
                                                   static_cast<int>(encoding),
                                                   ", allowed are 1 to 4"));
  }
  return static_cast<Encoding>(encoding);
}

absl::Status CheckLength(std::string_view field, std::string_view name,
                         uint64_t length, uint64_t limit) {
  if (length <= limit) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(field, ".", name, " is ", length,
                                              ", allowed is ", limit)),
      reason::kLimitExceeded);
}

}  // namespace

v1::RecordKey ToProto(const RecordKey& key) {
  v1::RecordKey proto;
  proto.set_kind(static_cast<v1::RecordKind>(key.kind));
  proto.set_domain(DomainToProto(key.domain));
  proto.set_digest(std::string(key.digest.view()));
  return proto;
}

absl::StatusOr<RecordKey> FromProto(std::string_view field,
                                    const v1::RecordKey& proto) {
  RecordKey key;
  ASSIGN_OR_RETURN(key.kind, KindFromProto(field, proto.kind()));
  ASSIGN_OR_RETURN(key.domain, DomainFromProto(absl::StrCat(field, ".domain"),
                                               proto.domain()));
  ASSIGN_OR_RETURN(key.digest, DigestFromProto(absl::StrCat(field, ".digest"),
                                               proto.digest()));
  return key;
}

v1::RecordHeader HeaderToProto(const Record& record) {
  v1::RecordHeader proto;
  *proto.mutable_key() = ToProto(record.key);
  proto.set_encoding(static_cast<model::v1::Encoding>(record.encoding));
  proto.set_plain_length(record.plain_length);
  proto.set_stored_length(record.payload.size());
  proto.set_payload_digest(std::string(record.payload_digest.view()));
  proto.set_sequence(record.sequence);
  proto.set_proved(record.proved);
  return proto;
}

absl::StatusOr<WireHeader> HeaderFromProto(std::string_view field,
                                           const v1::RecordHeader& proto) {
  WireHeader header;
  Record& record = header.record;
  ASSIGN_OR_RETURN(record.key,
                   FromProto(absl::StrCat(field, ".key"), proto.key()));
  ASSIGN_OR_RETURN(record.encoding, EncodingFromProto(field, proto.encoding()));
  RETURN_IF_ERROR(CheckLength(field, "plain_length", proto.plain_length(),
                              kMaxRecordPlainBytes));
  RETURN_IF_ERROR(CheckLength(field, "stored_length", proto.stored_length(),
                              kMaxRecordStoredBytes));
  ASSIGN_OR_RETURN(record.payload_digest,
                   DigestFromProto(absl::StrCat(field, ".payload_digest"),
                                   proto.payload_digest()));
  record.plain_length = proto.plain_length();
  record.sequence = proto.sequence();
  record.proved = proto.proved();
  header.stored_length = proto.stored_length();
  return header;
}

bool SendFrames(
    const Record& record,
    absl::FunctionRef<bool(const Record* header, std::string_view fragment)>
        send) {
  std::string_view rest = record.payload;
  const Record* header = &record;
  do {
    const std::string_view fragment = rest.substr(0, kMaxFragmentBytes);
    if (!send(header, fragment)) return false;
    rest.remove_prefix(fragment.size());
    header = nullptr;
  } while (!rest.empty());
  return true;
}

absl::StatusOr<std::optional<Record>> RecordAssembler::Take(
    const v1::RecordHeader* header, std::string fragment) {
  RETURN_IF_ERROR(
      CheckLength("frame", "fragment", fragment.size(), kMaxFragmentBytes));
  if (header != nullptr) {
    if (pending_.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          pending_->record.key.ToString(), " has ",
          pending_->record.payload.size(), " of ", pending_->stored_length,
          " bytes, and another record starts"));
    }
    ASSIGN_OR_RETURN(pending_, HeaderFromProto("header", *header));
  } else if (!pending_.has_value() || fragment.empty()) {
    return absl::InvalidArgumentError(
        "frame has neither a header nor bytes of a record that was begun");
  }
  std::string& payload = pending_->record.payload;
  if (fragment.size() > pending_->stored_length - payload.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(pending_->record.key.ToString(), " has more than the ",
                     pending_->stored_length, " bytes that its header says"));
  }
  if (payload.empty()) {
    payload = std::move(fragment);
    // What comes is known to be bounded; what was announced is trusted only
    // once a first fragment of it is here.
    if (!payload.empty()) payload.reserve(pending_->stored_length);
  } else {
    payload += fragment;
  }
  if (payload.size() < pending_->stored_length) return std::nullopt;
  std::optional<Record> record = std::move(pending_->record);
  pending_.reset();
  return record;
}

}  // namespace cairn
