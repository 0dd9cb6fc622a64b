#include "services/chunk_storage/engine/record_reader.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/domain/pack_format.h"

namespace cairn::chunk_storage {
namespace {

absl::Status Damaged(const RecordKey& key, std::string why) {
  return WithReason(
      absl::DataLossError(absl::StrCat(key.ToString(), ": ", why)),
      reason::kRecordDamaged, {{"record", key.ToString()}});
}

}  // namespace

absl::StatusOr<Record> RecordReader::ReadAt(const RecordKey& key,
                                            const Place& place) const {
  ASSIGN_OR_RETURN(const PackSet::FileOfPack pack,
                   packs_->OpenForRead(place.pack));
  ASSIGN_OR_RETURN(const std::string bytes,
                   pack.file->ReadAt(place.offset, kRecordHeaderBytes));
  const std::string where =
      absl::StrCat("pack ", pack.uuid.ToString(), " at ", place.offset);
  const absl::StatusOr<RecordHeader> header =
      DecodeRecordHeader(bytes, pack.uuid, place.offset);
  if (!header.ok()) return WithContext(header.status(), where);
  if (header->key != key || header->stored_length != place.stored_length) {
    return absl::DataLossError(absl::StrCat(
        where, ": holds ", header->key.ToString(), " of ",
        header->stored_length, " bytes, expected were ", place.stored_length));
  }
  Record record = {.key = key,
                   .encoding = header->encoding,
                   .plain_length = header->plain_length,
                   .payload_digest = header->payload_digest,
                   .sequence = header->sequence};
  ASSIGN_OR_RETURN(record.payload,
                   pack.file->ReadAt(place.offset + kRecordHeaderBytes,
                                     header->stored_length));
  const Digest digest = Sha256(record.payload);
  if (digest != header->payload_digest) {
    return absl::DataLossError(absl::StrCat(where, ": payload digest is ",
                                            digest.ToHex(), ", header says ",
                                            header->payload_digest.ToHex()));
  }
  return record;
}

absl::StatusOr<Record> RecordReader::Read(const RecordKey& key,
                                          Place place) const {
  // Twice at most: a record moves when it is healed, and rarely.
  for (int attempt = 0;; ++attempt) {
    RETURN_IF_ERROR(context_->latch->Check());
    if (place.bad) {
      return Damaged(key, absl::StrCat("marked bad in pack ", place.pack,
                                       " at ", place.offset));
    }
    absl::StatusOr<Record> record = ReadAt(key, place);
    if (record.ok()) {
      context_->metrics->read_records.Increment();
      context_->metrics->read_bytes.Increment(record->payload.size());
      return record;
    }
    if (!absl::IsDataLoss(record.status())) return record.status();
    ASSIGN_OR_RETURN(const auto now, places_->Find(std::span(&key, 1)));
    if (attempt == 0 && now[0].has_value() && !now[0]->SameBytes(place)) {
      place = *now[0];
      continue;
    }
    context_->metrics->damaged_records.Increment();
    const std::string why(record.status().message());
    const absl::Status marked = places_->MarkBad(key, place, why);
    if (absl::IsUnavailable(marked)) return marked;
    return Damaged(key, why);
  }
}

}  // namespace cairn::chunk_storage
