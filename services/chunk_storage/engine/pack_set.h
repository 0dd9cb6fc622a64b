#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/io/file_system.h"
#include "common/model/record.h"
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
  // Seals every pack that is open now; who writes goes on in new ones. A pack
  // that cannot be sealed for want of space stays.
  absl::Status SealOpen();

  // Sealed packs by ascending number, from the first above `after` on.
  std::vector<SealedPack> ListSealed(uint32_t after, size_t limit) const;
  // A pack that no session writes to: nothing reads it before CommitSealed
  // makes it a sealed one.
  absl::StatusOr<std::shared_ptr<PackWriter>> CreateOutside(
      PackClass pack_class);
  // Removes the file of one that CreateOutside made, and that is not sealed.
  absl::Status RemoveOutside(const PackWriter& writer);

  // One step of a sweep over records of sealed packs, all of one shard: as
  // PlaceTable::ChangeSealed, never beside a seal; commits what is decided for
  // `guard`, with the rows of the packs that lose or get records.
  absl::Status ChangeSealed(const SweepGuard& guard,
                            std::span<const RecordKey> keys,
                            PlaceTable::DecideFate decide);
  // The pack was proved, or seen to be there, at that time. One that is gone
  // is passed over.
  absl::Status Stamp(uint32_t number, std::optional<absl::Time> proof_time,
                     std::optional<absl::Time> presence_time);
  // Removes packs that no place is in, for ever: marks them dead, synced, and
  // with that what emptied them, then removes their files. A file that cannot
  // be removed now is removed later. Numbers that no sealed pack has are passed
  // over.
  struct Buried {
    uint64_t packs = 0;
    uint64_t bytes = 0;  // of their files
  };
  absl::StatusOr<Buried> Bury(std::span<const uint32_t> numbers);
  // At start: a pack that was marked dead by a former process.
  void AddDead(const SealedPack& pack);
  // Removes the files and then the rows of dead packs.
  absl::Status RemoveDead();

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
  // Of a pack that the caller has claimed; it is claimed no more then.
  absl::Status Seal(const std::shared_ptr<PackWriter>& writer);
  absl::Status SealClaimed(PackWriter& writer);
  // Whether the caller is the one to seal it: not sealed, and nobody is at it.
  bool ClaimSeal(const PackWriter& writer);
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
  // Numbers of those of `unsealed_` that somebody is sealing.
  absl::flat_hash_set<uint32_t> sealing_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint32_t, SealedPack> sealed_ ABSL_GUARDED_BY(mutex_);
  // Marked dead, and the file may still be there.
  absl::btree_map<uint32_t, SealedPack> dead_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_number_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace cairn::chunk_storage
