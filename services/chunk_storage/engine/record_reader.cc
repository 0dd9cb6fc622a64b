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

}  // namespace

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
