#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/domain/slot_binding.h"
#include "services/chunk_storage/engine/datastore_state.h"
#include "services/chunk_storage/engine/pack_writer.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// The packs of one datastore: which are open and for whom, which are sealed,
// and the way from one to the other. Thread-safe.
//
// A pack that is full leaves its slot at once and is sealed by a task, one
// at a time in the step that moves its places to the PlaceStore: so a record
// that was healed into a newer pack always ends up there.
class PackSet {
 public:
  // Most packs that wait for their seal; then a put waits for one, or is
  // refused while the PlaceStore is full.
  static constexpr size_t kMaxWaiting = 8;

  struct FileOfPack {
    Uuid uuid;
    std::shared_ptr<const File> file;
  };
  struct Counts {
    uint64_t packs = 0;
    uint64_t open_packs = 0;
    uint64_t bytes = 0;
  };

  // All outlive the set.
  PackSet(const StoreContext* context, const Uuid& datastore,
          DatastoreState* state, PlaceTable* places);

  // At start, before any other call: a pack that is sealed.
  void AddSealed(const SealedPack& pack);
  // A number that no pack has.
  uint32_t NextNumber();
  absl::StatusOr<SealedPack> FindSealed(uint32_t number) const;

  // The open pack that takes the session's records of this class.
  absl::StatusOr<std::shared_ptr<PackWriter>> WriterFor(const Uuid& session,
                                                        PackClass pack_class);
  // `writer` takes no more: a new pack takes its slot, and it is sealed soon.
  void Retire(const std::shared_ptr<PackWriter>& writer);

  // Everything appended to any pack before the call is durable.
  absl::Status SyncAll();
  // The same for metadata packs; then tells the state the sequence.
  absl::Status SyncMetadata();
  // Seals every open pack. Only without concurrent puts.
  absl::Status SealAll();

  // DataLoss: no such pack, or its file is missing.
  absl::StatusOr<FileOfPack> OpenForRead(uint32_t number) const;
  Counts CountPacks() const;

  // Commits what moved to a pack, what it heals, and the damage in it; used
  // by recovery too. `places` have the pack's number; those of `damaged` are
  // among them, and bad.
  absl::Status CommitSealed(const SealedPack& pack,
                            std::vector<PlacedRecord> places,
                            std::vector<DamagedRecord> damaged);

 private:
  absl::Status Seal(const std::shared_ptr<PackWriter>& writer);
  // Seals `writer`; after an error it is kept for RetrySeals.
  void SealOrKeep(const std::shared_ptr<PackWriter>& writer);
  void RetrySeals();
  // Waits until another pack may be opened, or nothing will come of waiting.
  void AwaitRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return unsealed_.size() < slots_.size() + kMaxWaiting;
  }
  std::vector<std::shared_ptr<PackWriter>> Unsealed() const;
  // Fills in what `batch.places` heal. Gives what to tell DamageHealed.
  absl::StatusOr<uint64_t> AddHealed(SealBatch& batch) const;

  const StoreContext* const context_;
  const Uuid datastore_;
  DatastoreState* const state_;
  PlaceTable* const places_;

  // Held over one move of places to the PlaceStore.
  absl::Mutex seal_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);

  mutable absl::Mutex mutex_;
  SlotBinding binding_ ABSL_GUARDED_BY(mutex_);
  // By slot; the last is for metadata. Null: nothing is open.
  std::vector<std::shared_ptr<PackWriter>> slots_ ABSL_GUARDED_BY(mutex_);
  // Every pack without a sealed row, by number; those in no slot wait for
  // their seal.
  absl::btree_map<uint32_t, std::shared_ptr<PackWriter>> unsealed_
      ABSL_GUARDED_BY(mutex_);
  // Of those, the ones whose seal came to an error.
  std::deque<std::shared_ptr<PackWriter>> kept_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint32_t, SealedPack> sealed_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_number_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace cairn::chunk_storage
