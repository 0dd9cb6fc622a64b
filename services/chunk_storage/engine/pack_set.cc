#include "services/chunk_storage/engine/pack_set.h"

#include <algorithm>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {

PackSet::PackSet(const StoreContext* context, const Uuid& datastore,
                 DatastoreState* state, PlaceTable* places)
    : context_(context),
      datastore_(datastore),
      state_(state),
      places_(places),
      binding_(context->options.open_packs),
      slots_(context->options.open_packs + 1) {}

void PackSet::AddSealed(const SealedPack& pack) {
  places_->AddSealed(pack.record_count, pack.payload_bytes);
  absl::MutexLock lock(&mutex_);
  sealed_[pack.number] = pack;
  next_number_ = std::max(next_number_, pack.number + 1);
}

uint32_t PackSet::NextNumber() {
  absl::MutexLock lock(&mutex_);
  return next_number_++;
}

absl::StatusOr<SealedPack> PackSet::FindSealed(uint32_t number) const {
  absl::MutexLock lock(&mutex_);
  const auto it = sealed_.find(number);
  if (it == sealed_.end()) {
    return absl::NotFoundError(absl::StrCat("no sealed pack ", number));
  }
  return it->second;
}

absl::StatusOr<std::shared_ptr<PackWriter>> PackSet::WriterFor(
    const Uuid& session, PackClass pack_class) {
  size_t slot = 0;
  {
    absl::MutexLock lock(&mutex_);
    slot = pack_class == PackClass::kMetadata ? slots_.size() - 1
                                              : binding_.SlotOf(session);
    if (slots_[slot] != nullptr) return slots_[slot];
  }
  RetrySeals();
  absl::MutexLock lock(&mutex_);
  AwaitRoom();
  if (slots_[slot] != nullptr) return slots_[slot];
  RETURN_IF_ERROR(context_->latch->Check());
  if (!HasRoom()) {
    return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                          unsealed_.size(), " packs wait to be sealed")),
                      reason::kStorageFull);
  }
  const PackHeader header = {.pack = context_->new_uuid(),
                             .datastore = datastore_,
                             .pack_class = pack_class};
  ASSIGN_OR_RETURN(std::shared_ptr<PackWriter> writer,
                   PackWriter::Create(context_, header, next_number_));
  ++next_number_;
  unsealed_[writer->number()] = writer;
  slots_[slot] = writer;
  context_->metrics->open_packs.Add(1);
  return writer;
}

void PackSet::AwaitRoom() {
  const auto room = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return HasRoom() || !kept_.empty();
  };
  context_->executor->Await(&mutex_, absl::Condition(&room),
                            absl::InfiniteDuration());
}

void PackSet::Retire(const std::shared_ptr<PackWriter>& writer) {
  bool crowded = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto slot = std::find(slots_.begin(), slots_.end(), writer);
    if (slot == slots_.end()) return;  // another caller was faster
    *slot = nullptr;
    crowded = unsealed_.size() >= slots_.size() + kMaxWaiting / 2;
  }
  const auto seal = [this, writer]() { SealOrKeep(writer); };
  // Callers that fill packs faster than tasks seal them do it themselves, so
  // that what AwaitRoom waits for never needs a thread of the executor.
  if (crowded || !context_->tasks->Schedule(seal).ok()) seal();
}

bool PackSet::ClaimSeal(const PackWriter& writer) {
  absl::MutexLock lock(&mutex_);
  return unsealed_.contains(writer.number()) &&
         sealing_.insert(writer.number()).second;
}

void PackSet::SealOrKeep(const std::shared_ptr<PackWriter>& writer) {
  if (!ClaimSeal(*writer)) return;
  const absl::Status sealed = Seal(writer);
  if (sealed.ok()) return;
  LOG(WARNING) << "pack stays unsealed pack=" << writer->uuid().ToString()
               << " error=" << sealed.ToString();
  absl::MutexLock lock(&mutex_);
  kept_.push_back(writer);
}

void PackSet::RetrySeals() {
  for (;;) {
    std::shared_ptr<PackWriter> writer;
    {
      absl::MutexLock lock(&mutex_);
      if (kept_.empty()) return;
      writer = std::move(kept_.front());
      kept_.pop_front();
    }
    if (!ClaimSeal(*writer) || Seal(writer).ok()) continue;
    // One failure speaks for the others: what they lack is the same.
    absl::MutexLock lock(&mutex_);
    kept_.push_front(std::move(writer));
    return;
  }
}

absl::Status PackSet::SyncAll() {
  for (const std::shared_ptr<PackWriter>& writer : Unsealed()) {
    RETURN_IF_ERROR(writer->Sync());
  }
  return absl::OkStatus();
}

absl::Status PackSet::SyncMetadata() {
  for (const std::shared_ptr<PackWriter>& writer : Unsealed()) {
    if (writer->pack_class() != PackClass::kMetadata) continue;
    RETURN_IF_ERROR(writer->Sync());
    state_->SequenceIsDurable(writer->durable_sequence());
  }
  return absl::OkStatus();
}

absl::Status PackSet::SealAll() {
  {
    absl::MutexLock lock(&mutex_);
    std::fill(slots_.begin(), slots_.end(), nullptr);
    kept_.clear();
  }
  context_->tasks->AwaitIdle();
  for (const std::shared_ptr<PackWriter>& writer : Unsealed()) {
    if (ClaimSeal(*writer)) RETURN_IF_ERROR(Seal(writer));
  }
  return absl::OkStatus();
}

absl::Status PackSet::SealOpen() {
  const std::vector<std::shared_ptr<PackWriter>> open = Unsealed();
  {
    absl::MutexLock lock(&mutex_);
    for (std::shared_ptr<PackWriter>& slot : slots_) {
      if (std::find(open.begin(), open.end(), slot) != open.end()) {
        slot = nullptr;
      }
    }
  }
  for (const std::shared_ptr<PackWriter>& writer : open) {
    // Also those whose task has not begun: it may wait for this thread.
    SealOrKeep(writer);
    absl::MutexLock lock(&mutex_);
    const auto settled = [this, &writer]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !sealing_.contains(writer->number());
    };
    context_->executor->Await(&mutex_, absl::Condition(&settled),
                              absl::InfiniteDuration());
  }
  return context_->latch->Check();
}

std::vector<std::shared_ptr<PackWriter>> PackSet::Unsealed() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<PackWriter>> writers;
  for (const auto& [number, writer] : unsealed_) writers.push_back(writer);
  return writers;
}

absl::Status PackSet::Seal(const std::shared_ptr<PackWriter>& writer) {
  const absl::Status sealed = SealClaimed(*writer);
  absl::MutexLock lock(&mutex_);
  sealing_.erase(writer->number());
  return sealed;
}

absl::Status PackSet::SealClaimed(PackWriter& writer) {
  ASSIGN_OR_RETURN(const PackWriter::Contents contents, writer.Finish());
  {
    absl::MutexLock seal_lock(&seal_mutex_);
    std::vector<PlacedRecord> placed = places_->StillPlaced(contents.records);
    const SealedPack pack = {.number = writer.number(),
                             .uuid = writer.uuid(),
                             .pack_class = writer.pack_class(),
                             .file_bytes = contents.file_bytes,
                             .highest_sequence = contents.highest_sequence,
                             .highest_epoch = contents.highest_epoch};
    RETURN_IF_ERROR(CommitSealed(pack, placed, /*damaged=*/{}));
    // Committed, so a place that this loses is found in the PlaceStore.
    RETURN_IF_ERROR(places_->Retire(placed));
    absl::MutexLock lock(&mutex_);
    unsealed_.erase(writer.number());
  }
  context_->metrics->open_packs.Add(-1);
  context_->metrics->sealed_packs.Increment();
  LOG(INFO) << "pack sealed pack=" << writer.uuid().ToString()
            << " datastore=" << datastore_.ToString()
            << " bytes=" << contents.file_bytes
            << " records=" << contents.records.size();
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PackSet::AddHealed(SealBatch& batch) const {
  if (places_->damaged_count() == 0) return 0;
  std::vector<RecordKey> keys;
  for (const PlacedRecord& record : batch.places) {
    if (!record.place.bad) keys.push_back(record.key);
  }
  const uint32_t datastore = state_->row().number;
  ASSIGN_OR_RETURN(const std::vector<bool> damaged,
                   context_->places->FindDamaged(datastore, keys));
  ASSIGN_OR_RETURN(const auto former, context_->places->Find(datastore, keys));
  absl::btree_map<uint32_t, SealedPack> adjusted;
  uint64_t healed = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (damaged[i]) {
      batch.healed.push_back(keys[i]);
      ++healed;
    }
    const std::optional<Place>& place = former[i];
    if (!place.has_value() || place->pack == batch.pack.number) continue;
    const bool missing = places_->IsMissingPack(place->pack);
    if (!damaged[i] && !missing) continue;
    const auto pack = FindSealed(place->pack);
    if (!pack.ok()) continue;  // a row of a lost pack has nothing to adjust
    SealedPack& row = adjusted.try_emplace(place->pack, *pack).first->second;
    if (row.record_count > 0) {
      --row.record_count;
      if (missing) ++healed;
    }
    row.payload_bytes -=
        std::min<uint64_t>(row.payload_bytes, place->stored_length);
  }
  for (const auto& [number, pack] : adjusted) batch.adjusted.push_back(pack);
  return healed;
}

absl::Status PackSet::CommitSealed(const SealedPack& pack,
                                   std::vector<PlacedRecord> places,
                                   std::vector<DamagedRecord> damaged) {
  SealBatch batch = {.pack = pack,
                     .places = std::move(places),
                     .damaged = std::move(damaged),
                     .time = context_->clock->Now()};
  batch.pack.record_count = batch.places.size();
  if (!batch.pack.seal_time.has_value()) batch.pack.seal_time = batch.time;
  for (const PlacedRecord& record : batch.places) {
    batch.pack.payload_bytes += record.place.stored_length;
  }
  ASSIGN_OR_RETURN(const uint64_t healed, AddHealed(batch));
  RETURN_IF_ERROR(state_->CommitSealed(batch));
  places_->DamageFound(batch.damaged.size());
  places_->DamageHealed(healed);
  absl::MutexLock lock(&mutex_);
  sealed_[pack.number] = batch.pack;
  for (const SealedPack& adjusted : batch.adjusted) {
    sealed_[adjusted.number] = adjusted;
  }
  return absl::OkStatus();
}

absl::StatusOr<PackSet::FileOfPack> PackSet::OpenForRead(
    uint32_t number) const {
  Uuid uuid;
  {
    absl::MutexLock lock(&mutex_);
    const auto open = unsealed_.find(number);
    if (open != unsealed_.end()) {
      return FileOfPack{open->second->uuid(), open->second->file()};
    }
    const auto sealed = sealed_.find(number);
    if (sealed == sealed_.end()) {
      return absl::DataLossError(absl::StrCat("no pack ", number));
    }
    uuid = sealed->second.uuid;
  }
  auto file = context_->packs->OpenForRead(datastore_, uuid);
  if (absl::IsNotFound(file.status())) {
    return absl::DataLossError(
        absl::StrCat("pack ", uuid.ToString(), " has no file"));
  }
  RETURN_IF_ERROR(file.status());
  return FileOfPack{uuid, *std::move(file)};
}

PackSet::Counts PackSet::CountPacks() const {
  absl::MutexLock lock(&mutex_);
  Counts counts = {.packs = unsealed_.size() + sealed_.size(),
                   .open_packs = unsealed_.size()};
  for (const auto& [number, pack] : sealed_) counts.bytes += pack.file_bytes;
  for (const auto& [number, writer] : unsealed_) {
    counts.bytes += writer->end();
  }
  return counts;
}

}  // namespace cairn::chunk_storage
