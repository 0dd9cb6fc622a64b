#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/chunk_storage/engine/mark_set.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// The mark sets of one datastore: a few at a time, and only those in use.
//
// A record that moves takes its marks along in each set that there is; a set
// that is being made while it moves could see it in neither pack, or marked in
// the wrong one. So a set is made of packs that are not the target of a move
// (ListSealed): of others it knows nothing, and then they stay. Thread-safe.
class MarkSets {
 public:
  static constexpr size_t kMaxSets = 4;
  static constexpr absl::Duration kIdle = absl::Minutes(30);

  // Both outlive it.
  MarkSets(const Clock* clock, const PackSet* packs)
      : clock_(clock), packs_(packs) {}

  // ResourceExhausted: kMaxSets others are in use.
  absl::Status CheckRoom(const Uuid& id);
  // In the place of a former one of this id.
  absl::Status Put(std::shared_ptr<MarkSet> set);
  // Null: there is none, any more. Counts as a use.
  std::shared_ptr<MarkSet> Find(const Uuid& id);
  void Drop(const Uuid& id);
  // All that were made for the sweep of this token; none: for any sweep.
  void DropOfSweeps(std::optional<uint64_t> token);
  void DropPack(uint32_t pack);
  std::vector<std::shared_ptr<MarkSet>> All() const;

  // The packs that a set which is made now can be of. The places of all of
  // them are in a view that is taken after the return.
  std::vector<SealedPack> ListSealed() const;

  // Records are about to move into `pack`, which is sealed between the two
  // calls. Gives the sets to be told of each.
  std::vector<std::shared_ptr<MarkSet>> BeginMove(uint32_t pack,
                                                  uint32_t records);
  void EndMove(uint32_t pack);

 private:
  struct Kept {
    std::shared_ptr<MarkSet> set;
    absl::Duration last_use;
  };
  void DropIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  const PackSet* const packs_;
  mutable absl::Mutex mutex_;
  std::vector<Kept> kept_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<uint32_t> moving_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::chunk_storage
