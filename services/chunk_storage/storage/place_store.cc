#include "services/chunk_storage/storage/place_store.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/storage/place_codec.h"

namespace cairn::chunk_storage {
namespace {

// Indexes into TableNames().
constexpr KvTable kDatastores = 0;  // datastore UUID → StoreDatastoreRow
constexpr KvTable kPlaces = 1;      // place_codec.h
constexpr KvTable kPacks = 2;       // datastore, pack number → SealedPackRow
constexpr KvTable kDamaged = 3;     // key of a place → DamagedRow

constexpr uint32_t kFormatVersion = 1;
constexpr size_t kKeysPerGet = 4096;

std::string PackKey(uint32_t datastore, uint32_t pack) {
  // Big endian as the datastore's, so that a scan is in order of number.
  return DatastorePrefix(datastore) + DatastorePrefix(pack);
}

template <typename Row>
absl::StatusOr<Row> ParseRow(std::string_view bytes, std::string_view what) {
  Row row;
  if (!row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(absl::StrCat(what, " does not decode"));
  }
  if (row.format_version() != kFormatVersion) {
    return absl::DataLossError(absl::StrCat(what, " has format version ",
                                            row.format_version(), ", known is ",
                                            kFormatVersion));
  }
  return row;
}

std::string DatastoreValue(const StoredDatastore& datastore) {
  record::v1::StoreDatastoreRow row;
  row.set_format_version(kFormatVersion);
  row.set_uuid(std::string(datastore.ref.uuid.view()));
  row.set_generation(datastore.ref.generation);
  row.set_token(datastore.token);
  row.set_sequence(datastore.sequence);
  row.set_number(datastore.number);
  row.set_highest_epoch(datastore.highest_epoch);
  row.set_loss_mark(datastore.loss_mark);
  return row.SerializeAsString();
}

std::string DamagedValue(const std::string& why, absl::Time time) {
  record::v1::DamagedRow row;
  row.set_format_version(kFormatVersion);
  row.set_time_nanos(absl::ToUnixNanos(time));
  row.set_why(why);
  return row.SerializeAsString();
}

// 0: no time.
int64_t NanosOf(const std::optional<absl::Time>& time) {
  return time.has_value() ? absl::ToUnixNanos(*time) : 0;
}
std::optional<absl::Time> TimeOf(int64_t nanos) {
  if (nanos == 0) return std::nullopt;
  return absl::FromUnixNanos(nanos);
}

std::string PackValue(const SealedPack& pack) {
  record::v1::SealedPackRow row;
  row.set_format_version(kFormatVersion);
  row.set_uuid(std::string(pack.uuid.view()));
  row.set_pack_class(static_cast<uint32_t>(pack.pack_class));
  row.set_file_bytes(pack.file_bytes);
  row.set_record_count(pack.record_count);
  row.set_payload_bytes(pack.payload_bytes);
  row.set_highest_sequence(pack.highest_sequence);
  row.set_damaged_bytes(pack.damaged_bytes);
  row.set_highest_epoch(pack.highest_epoch);
  row.set_duplicate_records(pack.duplicate_records);
  row.set_damaged_records(pack.damaged_records);
  row.set_unnamed_bytes(pack.unnamed_bytes);
  row.set_proof_time_nanos(NanosOf(pack.proof_time));
  row.set_presence_time_nanos(NanosOf(pack.presence_time));
  row.set_seal_time_nanos(NanosOf(pack.seal_time));
  row.set_dead(pack.dead);
  return row.SerializeAsString();
}

uint32_t BigEndian32(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return value;
}

absl::StatusOr<SealedPack> DecodePack(std::string_view key,
                                      std::string_view value) {
  if (key.size() != 8) return absl::DataLossError("pack row has a bad key");
  const uint32_t number = BigEndian32(key.substr(4));
  ASSIGN_OR_RETURN(const auto row,
                   ParseRow<record::v1::SealedPackRow>(
                       value, absl::StrCat("row of pack ", number)));
  ASSIGN_OR_RETURN(const Uuid uuid, Uuid::FromBytes(row.uuid()));
  return SealedPack{.number = number,
                    .uuid = uuid,
                    .pack_class = static_cast<PackClass>(row.pack_class()),
                    .file_bytes = row.file_bytes(),
                    .record_count = row.record_count(),
                    .payload_bytes = row.payload_bytes(),
                    .highest_sequence = row.highest_sequence(),
                    .damaged_bytes = row.damaged_bytes(),
                    .highest_epoch = row.highest_epoch(),
                    .duplicate_records = row.duplicate_records(),
                    .damaged_records = row.damaged_records(),
                    .unnamed_bytes = row.unnamed_bytes(),
                    .proof_time = TimeOf(row.proof_time_nanos()),
                    .presence_time = TimeOf(row.presence_time_nanos()),
                    .seal_time = TimeOf(row.seal_time_nanos()),
                    .dead = row.dead()};
}

}  // namespace

std::vector<std::string> PlaceStore::TableNames() {
  return {"datastores", "places", "packs", "damaged"};
}

absl::StatusOr<std::vector<StoredDatastore>> PlaceStore::ListDatastores()
    const {
  std::vector<StoredDatastore> datastores;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::unique_ptr<KvCursor> cursor = view->Scan(kDatastores, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(const auto row, ParseRow<record::v1::StoreDatastoreRow>(
                                         cursor->value(), "datastore row"));
    ASSIGN_OR_RETURN(const Uuid uuid, Uuid::FromBytes(row.uuid()));
    datastores.push_back({.number = row.number(),
                          .ref = {uuid, row.generation()},
                          .token = row.token(),
                          .sequence = row.sequence(),
                          .highest_epoch = row.highest_epoch(),
                          .loss_mark = row.loss_mark()});
  }
  RETURN_IF_ERROR(cursor->status());
  return datastores;
}

absl::Status PlaceStore::SaveDatastore(const StoredDatastore& datastore) {
  KvBatch batch;
  // Small, and the way to a sweep that frees space.
  batch.set_passes_gate(true);
  batch.Put(kDatastores, std::string(datastore.ref.uuid.view()),
            DatastoreValue(datastore));
  return kv_->Commit(batch, Durability::kSynced);
}

absl::StatusOr<std::vector<SealedPack>> PlaceStore::ListPacks(
    uint32_t datastore) const {
  std::vector<SealedPack> packs;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::string prefix = DatastorePrefix(datastore);
  const std::unique_ptr<KvCursor> cursor =
      view->Scan(kPacks, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(SealedPack pack,
                     DecodePack(cursor->key(), cursor->value()));
    packs.push_back(pack);
  }
  RETURN_IF_ERROR(cursor->status());
  return packs;
}

absl::StatusOr<uint64_t> PlaceStore::CountDamaged(uint32_t datastore) const {
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::string prefix = DatastorePrefix(datastore);
  const std::unique_ptr<KvCursor> cursor =
      view->Scan(kDamaged, prefix, PrefixEnd(prefix));
  uint64_t count = 0;
  for (; cursor->Valid(); cursor->Next()) ++count;
  RETURN_IF_ERROR(cursor->status());
  return count;
}

absl::StatusOr<std::vector<DamagedRecord>> PlaceStore::ListDamaged(
    uint32_t datastore, size_t limit,
    const std::optional<RecordKey>& after) const {
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::string prefix = DatastorePrefix(datastore);
  // The least string above a key is the key and a zero.
  const std::string first =
      after.has_value() ? EncodePlaceKey(datastore, *after) + '\0' : prefix;
  const std::unique_ptr<KvCursor> cursor =
      view->Scan(kDamaged, first, PrefixEnd(prefix));
  std::vector<DamagedRecord> records;
  for (; cursor->Valid() && records.size() < limit; cursor->Next()) {
    ASSIGN_OR_RETURN(const RecordKey key, DecodePlaceKey(cursor->key()));
    ASSIGN_OR_RETURN(
        const auto row,
        ParseRow<record::v1::DamagedRow>(
            cursor->value(), absl::StrCat("damage row of ", key.ToString())));
    records.push_back({key, row.why()});
  }
  RETURN_IF_ERROR(cursor->status());
  return records;
}

absl::StatusOr<CountsByKind> PlaceStore::CountPlaces(uint32_t datastore) const {
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::string prefix = DatastorePrefix(datastore);
  const std::unique_ptr<KvCursor> cursor =
      view->Scan(kPlaces, prefix, PrefixEnd(prefix));
  CountsByKind counts{};
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(const RecordKey key, DecodePlaceKey(cursor->key()));
    ASSIGN_OR_RETURN(const Place place, DecodePlace(cursor->value()));
    if (!place.bad) ++counts[static_cast<size_t>(key.kind)];
  }
  RETURN_IF_ERROR(cursor->status());
  return counts;
}

std::string_view PlaceCursor::raw_key() const {
  return cursor_->key().substr(4);
}

absl::StatusOr<RecordKey> PlaceCursor::key() const {
  return DecodePlaceKey(cursor_->key());
}

absl::StatusOr<Place> PlaceCursor::place() const {
  return DecodePlace(cursor_->value());
}

PlaceCursor PlaceStore::ScanPlaces(uint32_t datastore) const {
  std::unique_ptr<KvView> view = kv_->NewView();
  const std::string prefix = DatastorePrefix(datastore);
  std::unique_ptr<KvCursor> cursor =
      view->Scan(kPlaces, prefix, PrefixEnd(prefix));
  return PlaceCursor(std::move(view), std::move(cursor));
}

absl::StatusOr<std::vector<std::optional<std::string>>> PlaceStore::GetRows(
    KvTable table, uint32_t datastore, std::span<const RecordKey> keys) const {
  std::vector<std::optional<std::string>> rows;
  rows.reserve(keys.size());
  for (size_t at = 0; at < keys.size(); at += kKeysPerGet) {
    const auto part = keys.subspan(at, std::min(kKeysPerGet, keys.size() - at));
    std::vector<std::string> encoded;
    encoded.reserve(part.size());
    for (const RecordKey& key : part) {
      encoded.push_back(EncodePlaceKey(datastore, key));
    }
    ASSIGN_OR_RETURN(auto found, kv_->MultiGet(table, encoded));
    std::move(found.begin(), found.end(), std::back_inserter(rows));
  }
  return rows;
}

absl::StatusOr<std::vector<std::optional<Place>>> PlaceStore::Find(
    uint32_t datastore, std::span<const RecordKey> keys) const {
  ASSIGN_OR_RETURN(const auto rows, GetRows(kPlaces, datastore, keys));
  std::vector<std::optional<Place>> places(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].has_value()) continue;
    absl::StatusOr<Place> place = DecodePlace(*rows[i]);
    if (!place.ok()) return WithContext(place.status(), keys[i].ToString());
    places[i] = *place;
  }
  return places;
}

absl::StatusOr<std::vector<bool>> PlaceStore::FindDamaged(
    uint32_t datastore, std::span<const RecordKey> keys) const {
  ASSIGN_OR_RETURN(const auto rows, GetRows(kDamaged, datastore, keys));
  std::vector<bool> damaged(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) damaged[i] = rows[i].has_value();
  return damaged;
}

absl::Status PlaceStore::CommitSealed(const SealBatch& batch) {
  const uint32_t datastore = batch.datastore.number;
  KvBatch changes;
  // The pack takes its space already; a store that could not seal could not
  // start on a full disk.
  changes.set_passes_gate(true);
  for (const PlacedRecord& record : batch.places) {
    changes.Put(kPlaces, EncodePlaceKey(datastore, record.key),
                EncodePlace(record.place));
  }
  for (const RecordKey& key : batch.healed) {
    changes.Remove(kDamaged, EncodePlaceKey(datastore, key));
  }
  for (const DamagedRecord& record : batch.damaged) {
    changes.Put(kDamaged, EncodePlaceKey(datastore, record.key),
                DamagedValue(record.why, batch.time));
  }
  for (const SealedPack& pack : batch.adjusted) {
    changes.Put(kPacks, PackKey(datastore, pack.number), PackValue(pack));
  }
  changes.Put(kDatastores, std::string(batch.datastore.ref.uuid.view()),
              DatastoreValue(batch.datastore));
  changes.Put(kPacks, PackKey(datastore, batch.pack.number),
              PackValue(batch.pack));
  return kv_->Commit(changes, Durability::kBuffered);
}

absl::Status PlaceStore::CommitSweep(uint32_t datastore,
                                     const SweepBatch& batch) {
  KvBatch changes;
  changes.set_passes_gate(true);  // the way to free space
  for (const PlaceChange& change : batch.changes) {
    const std::string key = EncodePlaceKey(datastore, change.key);
    if (change.place.has_value()) {
      changes.Put(kPlaces, key, EncodePlace(*change.place));
      continue;
    }
    changes.Remove(kPlaces, key);
    if (change.former.bad) changes.Remove(kDamaged, key);
  }
  for (const SealedPack& pack : batch.packs) {
    changes.Put(kPacks, PackKey(datastore, pack.number), PackValue(pack));
  }
  return kv_->Commit(changes, Durability::kBuffered);
}

absl::Status PlaceStore::SavePacks(uint32_t datastore,
                                   std::span<const SealedPack> packs,
                                   Durability durability) {
  KvBatch changes;
  changes.set_passes_gate(true);
  for (const SealedPack& pack : packs) {
    changes.Put(kPacks, PackKey(datastore, pack.number), PackValue(pack));
  }
  return kv_->Commit(changes, durability);
}

absl::Status PlaceStore::RemovePackRows(uint32_t datastore,
                                        std::span<const uint32_t> numbers) {
  KvBatch changes;
  changes.set_passes_gate(true);
  for (const uint32_t number : numbers) {
    changes.Remove(kPacks, PackKey(datastore, number));
  }
  return kv_->Commit(changes, Durability::kBuffered);
}

absl::Status PlaceStore::SaveDamage(uint32_t datastore,
                                    const PlacedRecord& record,
                                    bool place_is_stored,
                                    const std::string& why, absl::Time now) {
  const std::string key = EncodePlaceKey(datastore, record.key);
  KvBatch changes;
  changes.set_passes_gate(true);
  if (place_is_stored) changes.Put(kPlaces, key, EncodePlace(record.place));
  changes.Put(kDamaged, key, DamagedValue(why, now));
  return kv_->Commit(changes, Durability::kSynced);
}

}  // namespace cairn::chunk_storage
