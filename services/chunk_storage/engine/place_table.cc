#include "services/chunk_storage/engine/place_table.h"

#include <algorithm>
#include <utility>

#include "common/model/mark.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr char kDamagedWhileOpen[] = "found damaged before its pack was sealed";

}  // namespace

PlaceTable::PlaceTable(const StoreContext* context, DatastoreState* state,
                       uint32_t datastore)
    : context_(context),
      state_(state),
      datastore_(datastore),
      touches_(context->options.touch_memory_bytes) {}

void PlaceTable::AddSealed(uint64_t records, uint64_t bytes) {
  records_ += records;
  bytes_ += bytes;
}

absl::StatusOr<std::vector<std::optional<Place>>> PlaceTable::Lookup(
    const Shard& shard, const std::vector<size_t>& indexes,
    const std::function<const RecordKey&(size_t)>& key_at) const {
  std::vector<std::optional<Place>> places(indexes.size());
  std::vector<RecordKey> sealed;
  std::vector<size_t> sealed_at;
  for (size_t i = 0; i < indexes.size(); ++i) {
    const RecordKey& key = key_at(indexes[i]);
    const auto it = shard.unsealed.find(key);
    if (it != shard.unsealed.end()) {
      places[i] = it->second;
    } else {
      sealed.push_back(key);
      sealed_at.push_back(i);
    }
  }
  if (sealed.empty()) return places;
  ASSIGN_OR_RETURN(const auto found,
                   context_->places->Find(datastore_, sealed));
  for (size_t i = 0; i < sealed_at.size(); ++i) {
    std::optional<Place>& place = places[sealed_at[i]];
    place = found[i];
    if (place.has_value() && IsMissingPack(place->pack)) place->bad = true;
  }
  return places;
}

absl::StatusOr<std::vector<bool>> PlaceTable::Pin(
    std::span<const RecordKey> keys, uint64_t epoch) {
  ByShard by_shard;
  for (size_t i = 0; i < keys.size(); ++i) {
    by_shard[ShardOf(keys[i])].push_back(i);
  }
  std::vector<bool> present(keys.size(), false);
  for (size_t s = 0; s < kShards; ++s) {
    const std::vector<size_t>& indexes = by_shard[s];
    if (indexes.empty()) continue;
    absl::MutexLock lock(&shards_[s].mutex);
    ASSIGN_OR_RETURN(
        const auto places,
        Lookup(shards_[s], indexes,
               [&](size_t i) -> const RecordKey& { return keys[i]; }));
    absl::MutexLock touch_lock(&touch_mutex_);
    for (size_t i = 0; i < indexes.size(); ++i) {
      if (!places[i].has_value() || places[i]->bad) continue;
      touches_.Raise(places[i]->pack, places[i]->ordinal, epoch);
      present[indexes[i]] = true;
    }
  }
  return present;
}

absl::StatusOr<std::vector<std::optional<Place>>> PlaceTable::Find(
    std::span<const RecordKey> keys) const {
  std::vector<std::optional<Place>> places(keys.size());
  std::vector<RecordKey> sealed;
  std::vector<size_t> sealed_at;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Shard& shard = shards_[ShardOf(keys[i])];
    absl::ReaderMutexLock lock(&shard.mutex);
    const auto it = shard.unsealed.find(keys[i]);
    if (it != shard.unsealed.end()) {
      places[i] = it->second;
    } else {
      sealed.push_back(keys[i]);
      sealed_at.push_back(i);
    }
  }
  // Without the locks: a record leaves `unsealed` only after it is in the
  // PlaceStore.
  if (sealed.empty()) return places;
  ASSIGN_OR_RETURN(const auto found,
                   context_->places->Find(datastore_, sealed));
  for (size_t i = 0; i < sealed_at.size(); ++i) {
    places[sealed_at[i]] = found[i];
  }
  return places;
}

bool PlaceTable::InsertOne(Shard& shard, const PlacedRecord& record,
                           const std::optional<Place>& sealed, uint64_t epoch) {
  // The same key may come twice in one call, so this looks again.
  const auto it = shard.unsealed.find(record.key);
  const std::optional<Place> current =
      it != shard.unsealed.end() ? it->second : sealed;
  const bool dead = current.has_value() && !current->bad;
  const Place& place = dead ? *current : record.place;
  {
    absl::MutexLock lock(&touch_mutex_);
    touches_.Raise(place.pack, place.ordinal, epoch);
  }
  if (dead) return false;
  shard.unsealed[record.key] = record.place;
  bytes_ += record.place.stored_length;
  if (current.has_value()) {
    bytes_ -= current->stored_length;
  } else {
    ++records_;
  }
  return true;
}

absl::StatusOr<std::vector<bool>> PlaceTable::Insert(
    std::span<const PlacedRecord> records, uint64_t epoch) {
  ByShard by_shard;
  for (size_t i = 0; i < records.size(); ++i) {
    by_shard[ShardOf(records[i].key)].push_back(i);
  }
  std::vector<bool> placed(records.size(), false);
  for (size_t s = 0; s < kShards; ++s) {
    const std::vector<size_t>& indexes = by_shard[s];
    if (indexes.empty()) continue;
    absl::MutexLock lock(&shards_[s].mutex);
    ASSIGN_OR_RETURN(
        const auto places,
        Lookup(shards_[s], indexes,
               [&](size_t i) -> const RecordKey& { return records[i].key; }));
    for (size_t i = 0; i < indexes.size(); ++i) {
      placed[indexes[i]] =
          InsertOne(shards_[s], records[indexes[i]], places[i], epoch);
    }
  }
  return placed;
}

std::vector<PlacedRecord> PlaceTable::StillPlaced(
    std::span<const PlacedRecord> records) const {
  std::vector<PlacedRecord> placed;
  placed.reserve(records.size());
  for (const PlacedRecord& record : records) {
    const Shard& shard = shards_[ShardOf(record.key)];
    absl::ReaderMutexLock lock(&shard.mutex);
    const auto it = shard.unsealed.find(record.key);
    if (it != shard.unsealed.end() && it->second.SameBytes(record.place)) {
      placed.push_back({record.key, it->second});
    }
  }
  return placed;
}

absl::Status PlaceTable::Retire(std::span<const PlacedRecord> records) {
  for (const PlacedRecord& record : records) {
    Shard& shard = shards_[ShardOf(record.key)];
    absl::MutexLock lock(&shard.mutex);
    const auto it = shard.unsealed.find(record.key);
    if (it == shard.unsealed.end() || !it->second.SameBytes(record.place)) {
      continue;  // healed meanwhile: the newer place is sealed after this one
    }
    if (it->second.bad && !record.place.bad) {
      // Found damaged after the batch was made.
      RETURN_IF_ERROR(SaveDamage({record.key, it->second},
                                 /*place_is_stored=*/true, kDamagedWhileOpen));
    }
    shard.unsealed.erase(it);
  }
  return absl::OkStatus();
}

absl::Status PlaceTable::ChangeSealed(std::span<const RecordKey> keys,
                                      DecideFate decide, CommitChanges commit) {
  if (keys.empty()) return absl::OkStatus();
  Shard& shard = shards_[ShardOf(keys[0])];
  absl::MutexLock lock(&shard.mutex);
  ASSIGN_OR_RETURN(const auto places, context_->places->Find(datastore_, keys));
  std::vector<PlaceChange> changes;
  {
    absl::MutexLock touch_lock(&touch_mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!places[i].has_value()) continue;
      const Place& place = *places[i];
      const SealedRecord record = {
          .place = place,
          .touch = touches_.Get(place.pack, place.ordinal),
          .superseded = shard.unsealed.contains(keys[i])};
      const SealedFate fate = decide(i, record);
      if (fate.what == SealedFate::What::kKeep || record.superseded) continue;
      PlaceChange change = {.key = keys[i], .former = place};
      if (fate.what == SealedFate::What::kMove) {
        change.place = fate.place;
        // Before it moves; that it may not move only keeps more.
        if (record.touch > touches_.floor()) {
          touches_.Raise(fate.place.pack, fate.place.ordinal, record.touch);
        }
      }
      changes.push_back(std::move(change));
    }
  }
  if (changes.empty()) return absl::OkStatus();
  uint64_t dropped = 0;
  uint64_t dropped_bytes = 0;
  uint64_t healed = 0;
  for (const PlaceChange& change : changes) {
    if (change.place.has_value()) continue;
    ++dropped;
    dropped_bytes += change.former.stored_length;
    if (change.former.bad) ++healed;
    if (IsMissingPack(change.former.pack)) ++healed;
  }
  RETURN_IF_ERROR(commit(std::move(changes)));
  records_ -= dropped;
  bytes_ -= dropped_bytes;
  damaged_ -= healed;
  return absl::OkStatus();
}

std::vector<RecordPrefix> PlaceTable::UnsealedPrefixes() const {
  std::vector<RecordPrefix> prefixes;
  for (const Shard& shard : shards_) {
    absl::ReaderMutexLock lock(&shard.mutex);
    for (const auto& [key, place] : shard.unsealed) {
      if (place.bad) continue;
      prefixes.push_back({key.kind, key.domain, MarkPrefix(key.digest)});
    }
  }
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

absl::Status PlaceTable::MarkBad(const RecordKey& key, const Place& place,
                                 const std::string& why) {
  if (IsMissingPack(place.pack)) return absl::OkStatus();
  Shard& shard = shards_[ShardOf(key)];
  absl::MutexLock lock(&shard.mutex);
  const auto it = shard.unsealed.find(key);
  if (it != shard.unsealed.end()) {
    if (!it->second.SameBytes(place) || it->second.bad) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(state_->DrawLossMark());
    it->second.bad = true;
    ++damaged_;
    // A restart finds the damage itself, so only the row is durable.
    return SaveDamage({key, it->second}, /*place_is_stored=*/false, why);
  }
  ASSIGN_OR_RETURN(const auto found,
                   context_->places->Find(datastore_, std::span(&key, 1)));
  if (!found[0].has_value() || !found[0]->SameBytes(place) || found[0]->bad) {
    return absl::OkStatus();
  }
  Place bad = *found[0];
  bad.bad = true;
  RETURN_IF_ERROR(state_->DrawLossMark());
  RETURN_IF_ERROR(SaveDamage({key, bad}, /*place_is_stored=*/true, why));
  ++damaged_;
  return absl::OkStatus();
}

absl::Status PlaceTable::SaveDamage(const PlacedRecord& record,
                                    bool place_is_stored,
                                    const std::string& why) {
  const absl::Status saved = context_->places->SaveDamage(
      datastore_, record, place_is_stored, why, context_->clock->Now());
  // Full: nothing was written, and the next read finds the damage again.
  if (saved.ok() || absl::IsResourceExhausted(saved)) return saved;
  return context_->latch->Fail(saved);
}

void PlaceTable::RaiseFloor(uint64_t epoch) {
  absl::MutexLock lock(&touch_mutex_);
  touches_.RaiseFloor(epoch);
}

uint64_t PlaceTable::floor() const {
  absl::MutexLock lock(&touch_mutex_);
  return touches_.floor();
}

uint64_t PlaceTable::TouchOf(const Place& place) const {
  absl::MutexLock lock(&touch_mutex_);
  return touches_.Get(place.pack, place.ordinal);
}

uint64_t PlaceTable::CountBelow(uint32_t pack, const RecordBits& ordinals,
                                uint64_t cut) const {
  absl::MutexLock lock(&touch_mutex_);
  return touches_.CountBelow(pack, ordinals, cut);
}

void PlaceTable::DropPack(uint32_t pack) {
  absl::MutexLock lock(&touch_mutex_);
  touches_.DropPack(pack);
}

}  // namespace cairn::chunk_storage
