#include "services/chunk_storage/domain/record_proof.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

absl::Status LimitExceeded(std::string text) {
  return WithReason(absl::InvalidArgumentError(text), reason::kLimitExceeded);
}

absl::Status CheckCount(size_t count, size_t limit, std::string_view what) {
  if (count >= 1 && count <= limit) return absl::OkStatus();
  return LimitExceeded(
      absl::StrCat(count, " ", what, " in one call, allowed are 1 to ", limit));
}

absl::Status CheckEncoding(const Record& record) {
  const auto number = static_cast<int>(record.encoding);
  if (number < 1 || number > 4) {
    return absl::InvalidArgumentError(
        absl::StrCat(record.key.ToString(), " has unknown encoding ", number));
  }
  if (IsEncrypted(record.encoding) == record.key.domain.is_plaintext()) {
    return absl::InvalidArgumentError(absl::StrCat(
        record.key.ToString(), " has encoding ", EncodingName(record.encoding),
        ", which its domain does not allow"));
  }
  return absl::OkStatus();
}

absl::Status CheckLengths(const Record& record, uint64_t stored_limit) {
  if (record.plain_length > kMaxRecordPlainBytes ||
      record.payload.size() > stored_limit) {
    return LimitExceeded(absl::StrCat(
        record.key.ToString(), " has ", record.plain_length, " plain and ",
        record.payload.size(), " stored bytes, allowed are ",
        kMaxRecordPlainBytes, " and ", stored_limit));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckKeys(std::span<const RecordKey> keys) {
  RETURN_IF_ERROR(CheckCount(keys.size(), kMaxKeysPerCall, "keys"));
  for (const RecordKey& key : keys) {
    const auto number = static_cast<int>(key.kind);
    if (number < 1 || number > 4) {
      return absl::InvalidArgumentError(absl::StrCat("key ", key.digest.ToHex(),
                                                     " has kind ", number,
                                                     ", known are 1 to 4"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPut(std::span<const Record> records) {
  RETURN_IF_ERROR(CheckCount(records.size(), kMaxPutRecords, "records"));
  uint64_t bytes = 0;
  for (const Record& record : records) {
    if (record.key.kind != RecordKind::kChunk &&
        record.key.kind != RecordKind::kPage) {
      return absl::InvalidArgumentError(absl::StrCat(
          record.key.ToString(), " is neither a chunk nor a page; append it"));
    }
    RETURN_IF_ERROR(CheckEncoding(record));
    RETURN_IF_ERROR(CheckLengths(record, kMaxRecordStoredBytes));
    bytes += record.payload.size();
  }
  if (bytes > kMaxPutBytes) {
    return LimitExceeded(absl::StrCat(bytes, " payload bytes in one call, ",
                                      "allowed are ", kMaxPutBytes));
  }
  return absl::OkStatus();
}

absl::Status CheckAppend(std::span<const Record> records) {
  RETURN_IF_ERROR(CheckCount(records.size(), kMaxAppendRecords, "records"));
  for (const Record& record : records) {
    if (record.key.kind != RecordKind::kManifest &&
        record.key.kind != RecordKind::kEvent) {
      return absl::InvalidArgumentError(absl::StrCat(
          record.key.ToString(), " is neither a manifest nor an event"));
    }
    if (!record.key.domain.is_plaintext() || record.sequence == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(record.key.ToString(),
                       " must be in the plaintext domain and numbered"));
    }
    RETURN_IF_ERROR(CheckEncoding(record));
    RETURN_IF_ERROR(CheckLengths(record, kMaxAppendRecordBytes));
  }
  return absl::OkStatus();
}

absl::Status ProveRecord(const Record& record) {
  const Digest payload_digest = Sha256(record.payload);
  if (payload_digest != record.payload_digest) {
    return absl::InvalidArgumentError(absl::StrCat(
        record.key.ToString(), ": payload digest is ", payload_digest.ToHex(),
        ", stated was ", record.payload_digest.ToHex()));
  }
  if (!record.key.domain.is_plaintext()) return absl::OkStatus();
  Digest digest = payload_digest;
  uint64_t length = record.payload.size();
  if (record.encoding != Encoding::kRaw) {
    const absl::StatusOr<std::string> plain =
        DecodePayload(record.encoding, record.payload, record.plain_length);
    if (!plain.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(record.key.ToString(), ": ", plain.status().message()));
    }
    length = plain->size();
    digest = Sha256(*plain);
  }
  if (length != record.plain_length || digest != record.key.digest) {
    return absl::InvalidArgumentError(absl::StrCat(
        record.key.ToString(), ": decodes to ", length, " bytes of digest ",
        digest.ToHex(), ", stated were ", record.plain_length, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
