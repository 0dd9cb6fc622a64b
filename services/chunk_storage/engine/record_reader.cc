#include "services/chunk_storage/engine/record_reader.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_scanner.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

absl::Status Damaged(const RecordKey& key, std::string why) {
  return WithReason(
      absl::DataLossError(absl::StrCat(key.ToString(), ": ", why)),
      reason::kRecordDamaged, {{"record", key.ToString()}});
}

// Of one record while it is read: more than any sweep does in the time of one.
constexpr int kMaxMoves = 8;

}  // namespace

absl::Status MissingRecord(const RecordKey& key) {
  return WithReason(
      absl::DataLossError(absl::StrCat(key.ToString(), " is not stored")),
      reason::kRecordMissing, {{"record", key.ToString()}});
}

absl::StatusOr<Record> RecordReader::ReadAt(const RecordKey& key,
                                            const Place& place) const {
  ASSIGN_OR_RETURN(const PackSet::FileOfPack pack,
                   packs_->OpenForRead(place.pack));
  return ReadPackRecord(pack.uuid, key, place.offset, place.stored_length,
                        [&](uint64_t offset, size_t length) {
                          return pack.file->ReadAt(offset, length);
                        });
}

absl::StatusOr<Record> RecordReader::Read(const RecordKey& key,
                                          Place place) const {
  // A record moves when it is healed, and when a sweep copies it to another
  // pack; its former pack may be gone then.
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
    if (!now[0].has_value()) return MissingRecord(key);  // a sweep dropped it
    if (attempt < kMaxMoves && !now[0]->SameBytes(place)) {
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
