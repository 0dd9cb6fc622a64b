#include "services/chunk_storage/engine/mark_set.h"

#include <algorithm>

#include "common/pack/pack_format.h"

namespace cairn::chunk_storage {

void Add(RecordSum& sum, const Place& place) {
  ++sum.records;
  sum.bytes += RecordExtent(place.stored_length);
}

void Subtract(RecordSum& sum, const Place& place) {
  sum.records -= std::min<uint64_t>(sum.records, 1);
  sum.bytes -= std::min(sum.bytes, RecordExtent(place.stored_length));
}

std::optional<PackMarks> MarkSet::Find(uint32_t pack) const {
  absl::MutexLock lock(&mutex_);
  const auto it = packs_.find(pack);
  if (it == packs_.end()) return std::nullopt;
  return it->second;
}

void MarkSet::AddPack(uint32_t pack, uint32_t records) {
  absl::MutexLock lock(&mutex_);
  packs_[pack].marked.Reserve(records);
}

void MarkSet::DropPack(uint32_t pack) {
  absl::MutexLock lock(&mutex_);
  packs_.erase(pack);
}

void MarkSet::Dropped(const Place& place) {
  absl::MutexLock lock(&mutex_);
  const auto it = packs_.find(place.pack);
  if (it == packs_.end()) return;
  PackMarks& marks = it->second;
  Subtract(marks.here, place);
  if (marks.marked.Test(place.ordinal)) Subtract(marks.marked_sum, place);
  if (!marks.droppable.Test(place.ordinal)) return;
  Subtract(marks.droppable_sum, place);
  marks.droppable.Clear(place.ordinal);
}

void MarkSet::Moved(const Place& from, const Place& to) {
  absl::MutexLock lock(&mutex_);
  const auto source = packs_.find(from.pack);
  bool marked = true;
  bool droppable = false;
  if (source != packs_.end()) {
    PackMarks& marks = source->second;
    marked = marks.marked.Test(from.ordinal);
    droppable = marks.droppable.Test(from.ordinal);
    Subtract(marks.here, from);
    if (marked) Subtract(marks.marked_sum, from);
    if (droppable) {
      Subtract(marks.droppable_sum, from);
      marks.droppable.Clear(from.ordinal);
    }
  }
  const auto target = packs_.find(to.pack);
  if (target == packs_.end()) return;
  PackMarks& marks = target->second;
  Add(marks.here, to);
  if (marked) {
    marks.marked.Set(to.ordinal);
    Add(marks.marked_sum, to);
  }
  if (droppable) {
    marks.droppable.Set(to.ordinal);
    Add(marks.droppable_sum, to);
  }
}

}  // namespace cairn::chunk_storage
