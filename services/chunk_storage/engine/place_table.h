#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/model/record.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/domain/record_bits.h"
#include "services/chunk_storage/domain/touch_table.h"
#include "services/chunk_storage/engine/datastore_state.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// A record that has its place in a sealed pack, as it is at this moment.
struct SealedRecord {
  Place place;
  uint64_t touch = 0;
  // It has a newer place in a pack that is not sealed; this one stays for now.
  bool superseded = false;
};
// What becomes of it.
struct SealedFate {
  enum class What { kKeep, kDrop, kMove };
  What what = What::kKeep;
  Place place;  // kMove: where its bytes are too, synced, in a sealed pack
};

// Kinds, domains and first bytes of digests; orders as the keys do.
struct RecordPrefix {
  RecordKind kind = RecordKind::kChunk;
  Domain domain;
  uint64_t prefix = 0;
  friend auto operator<=>(const RecordPrefix&, const RecordPrefix&) = default;
};

// Where every record of one datastore is, and what was promised about it.
// Places in packs that are not sealed are kept here, the others in the
// PlaceStore.
//
// A record's place, bad mark and touch change only under the lock of its
// shard, and an answer "present" is given only after the touch was raised
// under that lock. Locks of shards are never held together, and only the
// lock of the touches and the DatastoreState's are taken inside one.
//
// A row of a sealed place may only go, or point elsewhere, by ChangeSealed:
// under the shard's lock, and never while a pack is being sealed. Then a record
// that has an unsealed place has, besides, at most a row that this place
// supersedes (a bad one, or of a missing pack), which ChangeSealed leaves; and
// one that has none is where its row says. Were a row removed beside a seal, it
// could be the very row that the seal has just written and not yet retired.
// Thread-safe.
class PlaceTable {
 public:
  // Both outlive the table.
  PlaceTable(const StoreContext* context, DatastoreState* state,
             uint32_t datastore);

  // At start: what the sealed packs hold.
  void AddSealed(uint64_t records, uint64_t bytes);
  void SetDamagedCount(uint64_t count) { damaged_ = count; }
  // At start, before any other call: the file of a sealed pack of `records`
  // records is gone. They all count as damaged, and as missing to Pin and
  // Insert, until the file is back at another start or they are stored anew.
  void AddMissingPack(uint32_t pack, uint64_t records) {
    missing_packs_.insert(pack);
    damaged_ += records;
  }
  bool IsMissingPack(uint32_t pack) const {
    return missing_packs_.contains(pack);
  }

  // True for each record that has a good place; its touch is then at least
  // `epoch`.
  absl::StatusOr<std::vector<bool>> Pin(std::span<const RecordKey> keys,
                                        uint64_t epoch);

  // Places as they are now, bad ones too.
  absl::StatusOr<std::vector<std::optional<Place>>> Find(
      std::span<const RecordKey> keys) const;

  // Makes each place, of a pack that is not sealed, the record's own unless
  // it has a good one, and raises the touch of the one it then has. True for
  // each that became the place; the others are dead bytes. After an error
  // any of them may have.
  absl::StatusOr<std::vector<bool>> Insert(
      std::span<const PlacedRecord> records, uint64_t epoch);

  // Of `records`, all of one unsealed pack, those that still have their
  // place there, with their bad marks.
  std::vector<PlacedRecord> StillPlaced(
      std::span<const PlacedRecord> records) const;
  // `records` are in the PlaceStore now: forgets them here.
  absl::Status Retire(std::span<const PlacedRecord> records);

  // Marks the record bad, durably, if `place` is still its place, and draws
  // the loss mark anew before: whoever is told the new one finds the record
  // missing. Not one of a missing pack: its file may come back.
  absl::Status MarkBad(const RecordKey& key, const Place& place,
                       const std::string& why);
  // Decides about records of sealed packs, all of one shard, under its lock:
  // `decide` gets the index of each key that has a place in a sealed pack.
  // `commit` writes what changes, if anything, before the lock goes; after an
  // error of it nothing has changed. Nobody seals a pack meanwhile. Hand in few
  // keys: pins of the shard wait.
  using DecideFate =
      absl::FunctionRef<SealedFate(size_t index, const SealedRecord& record)>;
  using CommitChanges =
      absl::FunctionRef<absl::Status(std::vector<PlaceChange> changes)>;
  absl::Status ChangeSealed(std::span<const RecordKey> keys, DecideFate decide,
                            CommitChanges commit);
  // Every key is of one of kShards shards.
  static constexpr size_t kShards = 32;
  static size_t ShardOf(const RecordKey& key) {
    return key.digest.bytes.back() % kShards;
  }
  // Of all records with a good place in a pack that is not sealed, sorted.
  std::vector<RecordPrefix> UnsealedPrefixes() const;

  // So many damage rows were added.
  void DamageFound(uint64_t count) { damaged_ += count; }
  // So many damage rows were removed and records of missing packs replaced.
  void DamageHealed(uint64_t count) { damaged_ -= count; }

  void RaiseFloor(uint64_t epoch);
  uint64_t floor() const;
  // What a sweep compares with its cut.
  uint64_t TouchOf(const Place& place) const;
  // How many of these records of a pack are touched below `cut`.
  uint64_t CountBelow(uint32_t pack, const RecordBits& ordinals,
                      uint64_t cut) const;
  // Forgets the touches of a pack that is gone.
  void DropPack(uint32_t pack);

  uint64_t record_count() const { return records_; }
  uint64_t record_bytes() const { return bytes_; }
  uint64_t damaged_count() const { return damaged_; }

 private:
  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<RecordKey, Place> unsealed ABSL_GUARDED_BY(mutex);
  };
  // Indexes into a list of keys, by shard.
  using ByShard = std::array<std::vector<size_t>, kShards>;

  // Places of the keys at `indexes`, all of `shard`; sealed ones by one read.
  // Those in missing packs are bad.
  absl::StatusOr<std::vector<std::optional<Place>>> Lookup(
      const Shard& shard, const std::vector<size_t>& indexes,
      const std::function<const RecordKey&(size_t)>& key_at) const
      ABSL_SHARED_LOCKS_REQUIRED(shard.mutex);
  bool InsertOne(Shard& shard, const PlacedRecord& record,
                 const std::optional<Place>& sealed, uint64_t epoch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  absl::Status SaveDamage(const PlacedRecord& record, bool place_is_stored,
                          const std::string& why);

  const StoreContext* const context_;
  DatastoreState* const state_;
  const uint32_t datastore_;
  absl::flat_hash_set<uint32_t> missing_packs_;  // constant after the start
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> records_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> damaged_ = 0;

  mutable absl::Mutex touch_mutex_;
  TouchTable touches_ ABSL_GUARDED_BY(touch_mutex_);
};

}  // namespace cairn::chunk_storage
