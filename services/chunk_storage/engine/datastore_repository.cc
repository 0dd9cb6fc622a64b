#include "services/chunk_storage/engine/datastore_repository.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/pack/pack_format.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/domain/record_proof.h"
#include "services/chunk_storage/engine/pack_recovery.h"
#include "services/chunk_storage/engine/stored_record_stream.h"

namespace cairn::chunk_storage {
namespace {

std::vector<RecordKey> KeysOf(std::span<const Record> records) {
  std::vector<RecordKey> keys;
  keys.reserve(records.size());
  for (const Record& record : records) keys.push_back(record.key);
  return keys;
}

// The first of each key that is not present, by class of pack.
struct NewRecords {
  std::vector<const Record*> data;
  std::vector<const Record*> metadata;
  uint64_t bytes = 0;  // in packs
  size_t size() const { return data.size() + metadata.size(); }
};

NewRecords ChooseNew(std::span<const Record> records,
                     const std::vector<bool>& present) {
  NewRecords chosen;
  absl::flat_hash_set<RecordKey> seen;
  for (size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    if (present[i] || !seen.insert(record.key).second) continue;
    chosen.bytes += RecordExtent(record.payload.size());
    (ClassOf(record.key.kind) == PackClass::kData ? chosen.data
                                                  : chosen.metadata)
        .push_back(&record);
  }
  return chosen;
}

}  // namespace

DatastoreRepository::DatastoreRepository(const StoreContext* context,
                                         const StoredDatastore& row)
    : context_(context),
      state_(context, row),
      places_(context, &state_, row.number),
      packs_(context, row.ref.uuid, &state_, &places_),
      reader_(context, &packs_, &places_),
      sweep_({.context = context,
              .datastore = row.ref.uuid,
              .number = row.number,
              .packs = &packs_,
              .places = &places_},
             &state_) {}

absl::StatusOr<std::unique_ptr<DatastoreRepository>> DatastoreRepository::Open(
    const StoreContext* context, const StoredDatastore& row) {
  auto repository = std::unique_ptr<DatastoreRepository>(
      new DatastoreRepository(context, row));
  ASSIGN_OR_RETURN(const std::vector<SealedPack> sealed,
                   context->places->ListPacks(row.number));
  for (const SealedPack& pack : sealed) {
    if (pack.dead) {
      repository->packs_.AddDead(pack);
    } else {
      repository->packs_.AddSealed(pack);
    }
  }
  RETURN_IF_ERROR(repository->packs_.RemoveDead());
  ASSIGN_OR_RETURN(const uint64_t damaged,
                   context->places->CountDamaged(row.number));
  repository->places_.SetDamagedCount(damaged);
  PackRecovery recovery({}, context, row.ref.uuid, row.number,
                        &repository->packs_, &repository->places_);
  RETURN_IF_ERROR(recovery.Run(sealed));
  if (row.loss_mark == 0 || recovery.found_loss()) {
    const absl::Status drawn = repository->state_.DrawLossMark();
    // Full: reads are served all the same.
    if (!drawn.ok() && !absl::IsResourceExhausted(drawn)) return drawn;
  }
  return repository;
}

absl::StatusOr<std::vector<bool>> DatastoreRepository::Pin(
    uint64_t epoch, std::span<const RecordKey> keys) {
  RETURN_IF_ERROR(CheckKeys(keys));
  ASSIGN_OR_RETURN(std::vector<bool> present, places_.Pin(keys, epoch));
  const auto count = std::count(present.begin(), present.end(), true);
  context_->metrics->pins_present.Increment(count);
  context_->metrics->pins_missing.Increment(keys.size() - count);
  return present;
}

absl::StatusOr<PutReply> DatastoreRepository::Put(
    const SessionRef& session, std::span<const Record> records) {
  RETURN_IF_ERROR(CheckPut(records));
  RETURN_IF_ERROR(ProveRecords(records));
  ASSIGN_OR_RETURN(const std::vector<bool> present,
                   places_.Pin(KeysOf(records), session.epoch));
  const NewRecords fresh = ChooseNew(records, present);
  PutReply reply;
  if (fresh.size() > 0) {
    RETURN_IF_ERROR(context_->gate->CheckPut(fresh.bytes));
    RETURN_IF_ERROR(Store(session.session, session.epoch, PackClass::kData,
                          fresh.data, reply));
    RETURN_IF_ERROR(Store(session.session, session.epoch, PackClass::kMetadata,
                          fresh.metadata, reply));
  }
  reply.duplicate_records = records.size() - reply.new_records;
  context_->metrics->records_new.Increment(reply.new_records);
  context_->metrics->records_duplicate.Increment(reply.duplicate_records);
  context_->metrics->stored_bytes.Increment(reply.new_stored_bytes);
  return reply;
}

absl::Status DatastoreRepository::Store(const Uuid& session, uint64_t epoch,
                                        PackClass pack_class,
                                        std::span<const Record* const> records,
                                        PutReply& reply) {
  while (!records.empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<PackWriter> writer,
                     packs_.WriterFor(session, pack_class));
    const absl::StatusOr<std::vector<Place>> places =
        writer->Append(records, epoch);
    if (!places.ok() || places->empty()) {
      packs_.Retire(writer);
      RETURN_IF_ERROR(places.status());
      continue;
    }
    std::vector<PlacedRecord> placed;
    placed.reserve(places->size());
    for (size_t i = 0; i < places->size(); ++i) {
      placed.push_back({records[i]->key, (*places)[i]});
    }
    const absl::StatusOr<std::vector<bool>> inserted =
        places_.Insert(placed, epoch);
    writer->Settle(placed.size());
    RETURN_IF_ERROR(inserted.status());
    for (size_t i = 0; i < placed.size(); ++i) {
      if (!(*inserted)[i]) continue;
      ++reply.new_records;
      reply.new_stored_bytes += placed[i].place.stored_length;
    }
    records = records.subspan(placed.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> DatastoreRepository::Append(
    std::span<const Record> records) {
  RETURN_IF_ERROR(CheckAppend(records));
  RETURN_IF_ERROR(ProveRecords(records));
  // Nobody's epoch: a sweep spares manifests and events by other rules.
  constexpr uint64_t kNoEpoch = 0;
  ASSIGN_OR_RETURN(const std::vector<bool> present,
                   places_.Pin(KeysOf(records), kNoEpoch));
  const NewRecords fresh = ChooseNew(records, present);
  PutReply stored;
  if (fresh.size() > 0) {
    RETURN_IF_ERROR(context_->gate->CheckAppend(fresh.bytes));
    RETURN_IF_ERROR(
        Store(Uuid(), kNoEpoch, PackClass::kMetadata, fresh.metadata, stored));
  }
  // Also for records that were present: their call may not have come so far.
  RETURN_IF_ERROR(packs_.SyncMetadata());
  return state_.sequence();
}

absl::StatusOr<std::unique_ptr<RecordStream>> DatastoreRepository::Get(
    std::vector<RecordKey> keys) const {
  RETURN_IF_ERROR(CheckKeys(keys));
  return std::make_unique<StoredRecordStream>(&reader_, std::move(keys));
}

absl::Status DatastoreRepository::ShowToken(const SweepNumbers& numbers) {
  RETURN_IF_ERROR(state_.ShowToken(numbers.token, numbers.sequence));
  places_.RaiseFloor(numbers.epoch);
  return absl::OkStatus();
}

absl::StatusOr<StoreStatistics> DatastoreRepository::Statistics() const {
  ASSIGN_OR_RETURN(const uint64_t free_bytes, context_->packs->FreeBytes());
  const PackSet::Counts counts = packs_.CountPacks();
  const StoredDatastore row = state_.row();
  return StoreStatistics{.pack_count = counts.packs,
                         .open_pack_count = counts.open_packs,
                         .pack_bytes = counts.bytes,
                         .record_count = places_.record_count(),
                         .record_bytes = places_.record_bytes(),
                         .damaged_count = places_.damaged_count(),
                         .free_bytes = free_bytes,
                         .sequence = state_.sequence(),
                         .token = row.token,
                         .loss_mark = row.loss_mark};
}

absl::StatusOr<uint64_t> DatastoreRepository::TouchOf(
    const RecordKey& key) const {
  ASSIGN_OR_RETURN(const auto places, places_.Find(std::span(&key, 1)));
  if (!places[0].has_value()) {
    return absl::NotFoundError(absl::StrCat(key.ToString(), " is not stored"));
  }
  return places_.TouchOf(*places[0]);
}

}  // namespace cairn::chunk_storage
