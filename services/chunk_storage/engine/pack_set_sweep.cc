// What a sweep asks of the packs.
#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/pack_set.h"

namespace cairn::chunk_storage {
namespace {

void Lose(SealedPack& pack, const Place& place) {
  pack.record_count -= std::min<uint64_t>(pack.record_count, 1);
  pack.payload_bytes -=
      std::min<uint64_t>(pack.payload_bytes, place.stored_length);
}

void Gain(SealedPack& pack, const Place& place) {
  ++pack.record_count;
  pack.payload_bytes += place.stored_length;
}

}  // namespace

std::vector<SealedPack> PackSet::ListSealed(uint32_t after,
                                            size_t limit) const {
  absl::MutexLock lock(&mutex_);
  std::vector<SealedPack> packs;
  for (auto it = sealed_.upper_bound(after);
       it != sealed_.end() && packs.size() < limit; ++it) {
    packs.push_back(it->second);
  }
  return packs;
}

absl::StatusOr<std::shared_ptr<PackWriter>> PackSet::CreateOutside(
    PackClass pack_class) {
  RETURN_IF_ERROR(context_->latch->Check());
  const PackHeader header = {.pack = context_->new_uuid(),
                             .datastore = datastore_,
                             .pack_class = pack_class};
  return PackWriter::Create(context_, header, NextNumber());
}

absl::Status PackSet::RemoveOutside(const PackWriter& writer) {
  // After a fatal error its row may be durable.
  RETURN_IF_ERROR(context_->latch->Check());
  RETURN_IF_ERROR(context_->packs->RemovePack(datastore_, writer.uuid()));
  // Else a power cut may bring it back, and recovery what was dropped of it.
  const absl::Status synced = context_->packs->SyncPackDirectory(datastore_);
  return synced.ok() ? synced : context_->latch->Fail(synced);
}

absl::Status PackSet::ChangeSealed(const SweepGuard& guard,
                                   std::span<const RecordKey> keys,
                                   PlaceTable::DecideFate decide) {
  // Taken before the shard's lock, as a seal does: what a seal writes and what
  // this removes never cross, and rows of packs are written in order.
  absl::MutexLock seal_lock(&seal_mutex_);
  return places_->ChangeSealed(
      keys, decide, [&](std::vector<PlaceChange> changes) -> absl::Status {
        absl::btree_map<uint32_t, SealedPack> rows;
        const auto row_of = [&](uint32_t number) -> SealedPack* {
          const auto it = rows.find(number);
          if (it != rows.end()) return &it->second;
          const auto pack = FindSealed(number);
          if (!pack.ok()) return nullptr;
          return &rows.emplace(number, *pack).first->second;
        };
        for (const PlaceChange& change : changes) {
          SealedPack* const from = row_of(change.former.pack);
          if (from != nullptr) Lose(*from, change.former);
          if (!change.place.has_value()) continue;
          SealedPack* const to = row_of(change.place->pack);
          if (to != nullptr) Gain(*to, *change.place);
        }
        SweepBatch batch = {.changes = std::move(changes)};
        for (const auto& [number, pack] : rows) batch.packs.push_back(pack);
        RETURN_IF_ERROR(state_->CommitSweep(guard, batch));
        absl::MutexLock lock(&mutex_);
        for (const SealedPack& pack : batch.packs) sealed_[pack.number] = pack;
        return absl::OkStatus();
      });
}

absl::Status PackSet::Stamp(uint32_t number,
                            std::optional<absl::Time> proof_time,
                            std::optional<absl::Time> presence_time) {
  absl::MutexLock seal_lock(&seal_mutex_);
  absl::StatusOr<SealedPack> pack = FindSealed(number);
  if (!pack.ok()) return absl::OkStatus();
  if (proof_time.has_value()) pack->proof_time = proof_time;
  if (presence_time.has_value()) pack->presence_time = presence_time;
  const absl::Status saved = context_->places->SavePacks(
      state_->row().number, std::span(&*pack, 1), Durability::kBuffered);
  if (!saved.ok()) {
    return absl::IsResourceExhausted(saved) ? saved
                                            : context_->latch->Fail(saved);
  }
  absl::MutexLock lock(&mutex_);
  sealed_[number] = *pack;
  return absl::OkStatus();
}

absl::StatusOr<PackSet::Buried> PackSet::Bury(
    std::span<const uint32_t> numbers) {
  std::vector<SealedPack> dead;
  Buried buried;
  {
    absl::MutexLock seal_lock(&seal_mutex_);
    for (const uint32_t number : numbers) {
      absl::StatusOr<SealedPack> pack = FindSealed(number);
      if (!pack.ok()) continue;
      pack->dead = true;
      ++buried.packs;
      if (!places_->IsMissingPack(number)) buried.bytes += pack->file_bytes;
      dead.push_back(*std::move(pack));
    }
    if (dead.empty()) return buried;
    // Synced, and with it every batch before it: the removal of each place in
    // these packs, and the places to which their records moved.
    const absl::Status saved = context_->places->SavePacks(
        state_->row().number, dead, Durability::kSynced);
    if (!saved.ok()) {
      return absl::IsResourceExhausted(saved) ? saved
                                              : context_->latch->Fail(saved);
    }
    absl::MutexLock lock(&mutex_);
    for (const SealedPack& pack : dead) {
      sealed_.erase(pack.number);
      dead_[pack.number] = pack;
    }
  }
  for (const SealedPack& pack : dead) places_->DropPack(pack.number);
  RETURN_IF_ERROR(RemoveDead());
  return buried;
}

void PackSet::AddDead(const SealedPack& pack) {
  absl::MutexLock lock(&mutex_);
  dead_[pack.number] = pack;
  next_number_ = std::max(next_number_, pack.number + 1);
}

absl::Status PackSet::RemoveDead() {
  std::vector<SealedPack> dead;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [number, pack] : dead_) dead.push_back(pack);
  }
  std::vector<uint32_t> removed;
  for (const SealedPack& pack : dead) {
    const absl::Status unlinked =
        context_->packs->RemovePack(datastore_, pack.uuid);
    if (!unlinked.ok() && !absl::IsNotFound(unlinked)) {
      LOG(WARNING) << "dead pack stays for now pack=" << pack.uuid.ToString()
                   << " error=" << unlinked.ToString();
      continue;
    }
    removed.push_back(pack.number);
  }
  if (removed.empty()) return absl::OkStatus();
  // The row keeps recovery from the file, so it goes only when the file cannot
  // come back.
  const absl::Status synced = context_->packs->SyncPackDirectory(datastore_);
  if (!synced.ok()) return context_->latch->Fail(synced);
  const absl::Status forgotten =
      context_->places->RemovePackRows(state_->row().number, removed);
  if (absl::IsResourceExhausted(forgotten)) return absl::OkStatus();
  if (!forgotten.ok()) return context_->latch->Fail(forgotten);
  absl::MutexLock lock(&mutex_);
  for (const uint32_t number : removed) dead_.erase(number);
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
