#include "services/chunk_storage/domain/record_proof.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256_batch.h"
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

absl::Status ProvePayloads(std::span<const Record> records) {
  std::vector<std::string_view> payloads;
  for (const Record& record : records) payloads.push_back(record.payload);
  std::vector<Digest> digests(payloads.size());
  Sha256Batch(payloads, digests);
  for (size_t i = 0; i < records.size(); ++i) {
    if (digests[i] == records[i].payload_digest) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        records[i].key.ToString(), ": payload digest is ", digests[i].ToHex(),
        ", stated was ", records[i].payload_digest.ToHex()));
  }
  return absl::OkStatus();
}

absl::Status CheckPlain(const Record& record, uint64_t length,
                        const Digest& digest) {
  if (length == record.plain_length && digest == record.key.digest) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      record.key.ToString(), ": decodes to ", length, " bytes of digest ",
      digest.ToHex(), ", stated were ", record.plain_length, " bytes"));
}

// Of records whose payloads are proved.
absl::Status ProvePlain(std::span<const Record> records) {
  std::vector<const Record*> decoded;
  std::vector<std::string> plain;
  for (const Record& record : records) {
    if (!record.key.domain.is_plaintext()) continue;
    if (record.encoding == Encoding::kRaw) {
      RETURN_IF_ERROR(
          CheckPlain(record, record.payload.size(), record.payload_digest));
      continue;
    }
    if (record.proved && record.key.kind == RecordKind::kChunk) continue;
    absl::StatusOr<std::string> bytes =
        DecodePayload(record.encoding, record.payload, record.plain_length);
    if (!bytes.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(record.key.ToString(), ": ", bytes.status().message()));
    }
    decoded.push_back(&record);
    plain.push_back(*std::move(bytes));
  }
  const std::vector<std::string_view> messages(plain.begin(), plain.end());
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  for (size_t i = 0; i < decoded.size(); ++i) {
    RETURN_IF_ERROR(CheckPlain(*decoded[i], plain[i].size(), digests[i]));
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

absl::Status ProveRecords(std::span<const Record> records) {
  while (!records.empty()) {
    const auto group = records.first(std::min(records.size(), kSha256Lanes));
    RETURN_IF_ERROR(ProvePayloads(group));
    RETURN_IF_ERROR(ProvePlain(group));
    records = records.subspan(group.size());
  }
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
