#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/domain/record_bits.h"

namespace cairn::chunk_storage {

// What marks say of one pack. The sums are of records that have their place
// there, in bytes of their extents.
struct PackMarks {
  RecordBits marked;
  // Of a sweep: not marked, and nothing else but a later touch spares them.
  RecordBits droppable;
  RecordSum here;
  RecordSum marked_sum;
  RecordSum droppable_sum;
};

// The marks of the records of the packs that were sealed when it was made: two
// bits a record. Follows what a sweep drops and moves, so that it stays true of
// packs that are made by compaction. Thread-safe.
class MarkSet {
 public:
  using Packs = absl::flat_hash_map<uint32_t, PackMarks>;

  MarkSet(const MarkSetRef& ref, Packs packs)
      : ref_(ref), packs_(std::move(packs)) {}

  const MarkSetRef& ref() const { return ref_; }

  // None: the pack is not of this set; then all of it stays.
  std::optional<PackMarks> Find(uint32_t pack) const;

  // A pack of `records` records that compaction has made, and that gets them
  // by Moved from now on.
  void AddPack(uint32_t pack, uint32_t records);
  void DropPack(uint32_t pack);
  void Dropped(const Place& place);
  // The mark goes with the record. What this set knows nothing of stays.
  void Moved(const Place& from, const Place& to);

 private:
  const MarkSetRef ref_;
  mutable absl::Mutex mutex_;
  Packs packs_ ABSL_GUARDED_BY(mutex_);
};

void Add(RecordSum& sum, const Place& place);
void Subtract(RecordSum& sum, const Place& place);

}  // namespace cairn::chunk_storage
