#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/kv/kv_store.h"
#include "common/model/datastore.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"
#include "services/chunk_storage/domain/place.h"

namespace cairn::chunk_storage {

// A datastore as its row remembers it.
struct StoredDatastore {
  uint32_t number = 0;  // short name of the datastore in the other tables
  DatastoreRef ref;     // generation 0: not told since the rows were lost
  uint64_t token = 0;
  uint64_t sequence = 0;       // highest in a sealed pack
  uint64_t highest_epoch = 0;  // of a session, in a sealed pack
  uint64_t loss_mark = 0;      // as StoreStatistics says
};

// A pack whose places are in the table: never written or scanned again.
struct SealedPack {
  uint32_t number = 0;
  Uuid uuid;
  PackClass pack_class = PackClass::kData;
  uint64_t file_bytes = 0;
  uint64_t record_count = 0;   // records that have their place here
  uint64_t payload_bytes = 0;  // of those
  uint64_t highest_sequence = 0;
  uint64_t damaged_bytes = 0;  // found by recovery and skipped
  uint64_t highest_epoch = 0;
  // Found by a rebuild: good copies of records whose place is elsewhere,
  // records that did not prove, damaged bytes that nobody names.
  uint64_t duplicate_records = 0;
  uint64_t damaged_records = 0;
  uint64_t unnamed_bytes = 0;
  // When every record here was last proved, and when the file was last seen
  // to be there with all of them.
  std::optional<absl::Time> proof_time;
  std::optional<absl::Time> presence_time;
  std::optional<absl::Time> seal_time;  // none: not known
  // No place is in it: its file may be removed, and is not read again.
  bool dead = false;
};

// A record that has no copy that proves.
struct DamagedRecord {
  RecordKey key;
  std::string why;
};

// Records by RecordKind; index 0 is unused.
using CountsByKind = std::array<uint64_t, 5>;

// What takes effect when a pack is sealed, in one batch.
struct SealBatch {
  StoredDatastore datastore;
  SealedPack pack;
  std::vector<PlacedRecord> places;
  // Rows of packs that lost a bad record to this one.
  std::vector<SealedPack> adjusted;
  // Records whose damage is healed by this pack.
  std::vector<RecordKey> healed;
  // Damage that is known from now on, as of `time`.
  std::vector<DamagedRecord> damaged;
  absl::Time time;
};

// One record of a sealed pack that is dropped, or moves to another one.
struct PlaceChange {
  RecordKey key;
  Place former;
  std::optional<Place> place;  // none: dropped, and its damage row with it
};

// A step of a sweep, in one batch.
struct SweepBatch {
  std::vector<PlaceChange> changes;
  std::vector<SealedPack> packs;  // rows that change by it
};

// The places of one datastore in order of key, as they were when the cursor
// was made. Not thread-safe; goes before its store.
class PlaceCursor {
 public:
  // `cursor` reads `view`, over keys of one datastore.
  PlaceCursor(std::unique_ptr<KvView> view, std::unique_ptr<KvCursor> cursor)
      : view_(std::move(view)), cursor_(std::move(cursor)) {}

  bool Valid() const { return cursor_->Valid(); }
  void Next() { cursor_->Next(); }
  // As of KvCursor: an error is no end.
  absl::Status status() const { return cursor_->status(); }

  // Without the datastore, and undecoded (place_codec.h): sorts as the key.
  std::string_view raw_key() const;
  // DataLoss: the row does not decode.
  absl::StatusOr<RecordKey> key() const;
  absl::StatusOr<Place> place() const;

 private:
  const std::unique_ptr<KvView> view_;
  const std::unique_ptr<KvCursor> cursor_;
};

// What chunk_storage remembers beside the packs, over a KvStore: where each
// record of a sealed pack is, which packs are sealed, what is damaged, and
// the numbers of each datastore. Everything here but generation, token and loss
// mark can be built again from the packs (engine/store_rebuild.h).
//
// Errors are those of the KvStore; DataLoss for a row that does not decode.
// Thread-safe.
class PlaceStore {
 public:
  // The tables that the KvStore must have, in this order.
  static std::vector<std::string> TableNames();

  // `kv` outlives the store.
  explicit PlaceStore(KvStore* kv) : kv_(kv) {}

  absl::StatusOr<std::vector<StoredDatastore>> ListDatastores() const;
  // Synced.
  absl::Status SaveDatastore(const StoredDatastore& datastore);

  // By ascending number.
  absl::StatusOr<std::vector<SealedPack>> ListPacks(uint32_t datastore) const;
  absl::StatusOr<uint64_t> CountDamaged(uint32_t datastore) const;
  // The first `limit` behind `after`, by key.
  absl::StatusOr<std::vector<DamagedRecord>> ListDamaged(
      uint32_t datastore, size_t limit,
      const std::optional<RecordKey>& after = std::nullopt) const;
  // Does not fill the caches of the store.
  PlaceCursor ScanPlaces(uint32_t datastore) const;
  // Records with a good place. Walks all places.
  absl::StatusOr<CountsByKind> CountPlaces(uint32_t datastore) const;

  // One place per key, in order; any number of keys.
  absl::StatusOr<std::vector<std::optional<Place>>> Find(
      uint32_t datastore, std::span<const RecordKey> keys) const;
  // Whether a damage row exists, one per key, in order.
  absl::StatusOr<std::vector<bool>> FindDamaged(
      uint32_t datastore, std::span<const RecordKey> keys) const;

  // Not synced: a lost batch only means that recovery seals the pack again.
  absl::Status CommitSealed(const SealBatch& batch);

  // Not synced: a lost batch only means that the records are garbage again.
  absl::Status CommitSweep(uint32_t datastore, const SweepBatch& batch);
  // Writes these rows.
  absl::Status SavePacks(uint32_t datastore, std::span<const SealedPack> packs,
                         Durability durability);
  // Not synced.
  absl::Status RemovePackRows(uint32_t datastore,
                              std::span<const uint32_t> numbers);

  // Remembers the damage, synced. Also replaces the record's place row if
  // `place_is_stored`: `place` then has its bad bit set.
  absl::Status SaveDamage(uint32_t datastore, const PlacedRecord& record,
                          bool place_is_stored, const std::string& why,
                          absl::Time now);

 private:
  absl::StatusOr<std::vector<std::optional<std::string>>> GetRows(
      KvTable table, uint32_t datastore, std::span<const RecordKey> keys) const;

  KvStore* const kv_;
};

}  // namespace cairn::chunk_storage
