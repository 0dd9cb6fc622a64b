#include "services/chunk_storage/domain/touch_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/pack/pack_format.h"

namespace cairn::chunk_storage {

void TouchTable::Raise(uint32_t pack, uint32_t ordinal, uint64_t epoch) {
  PackTouches& touches = packs_[pack];
  if (touches.coarse || ordinal >= kMaxPackRecords ||
      epoch > std::numeric_limits<uint32_t>::max()) {
    touches.whole = std::max(touches.whole, epoch);
    return;
  }
  if (epoch <= touches.whole) return;
  if (ordinal >= touches.single.size()) Resize(touches, ordinal + 1);
  touches.single[ordinal] =
      std::max(touches.single[ordinal], static_cast<uint32_t>(epoch));
  if (memory_bytes_ > memory_limit_bytes_) CoarsenToLimit();
}

uint64_t TouchTable::Get(uint32_t pack, uint32_t ordinal) const {
  const auto it = packs_.find(pack);
  if (it == packs_.end()) return floor_;
  const PackTouches& touches = it->second;
  uint64_t touch = std::max(floor_, touches.whole);
  if (ordinal < touches.single.size()) {
    touch = std::max<uint64_t>(touch, touches.single[ordinal]);
  }
  return touch;
}

uint64_t TouchTable::CountBelow(uint32_t pack, const RecordBits& ordinals,
                                uint64_t cut) const {
  uint64_t count = 0;
  ordinals.ForEach([&](uint32_t ordinal) {
    if (Get(pack, ordinal) < cut) ++count;
  });
  return count;
}

void TouchTable::RaiseFloor(uint64_t epoch) {
  floor_ = std::max(floor_, epoch);
}

void TouchTable::DropPack(uint32_t pack) {
  const auto it = packs_.find(pack);
  if (it == packs_.end()) return;
  memory_bytes_ -= it->second.single.capacity() * sizeof(uint32_t);
  packs_.erase(it);
}

void TouchTable::Resize(PackTouches& touches, size_t count) {
  memory_bytes_ -= touches.single.capacity() * sizeof(uint32_t);
  if (count > touches.single.capacity()) {
    touches.single.reserve(std::min<size_t>(
        std::max(count, 2 * touches.single.capacity()), kMaxPackRecords));
  }
  touches.single.resize(count, 0);
  memory_bytes_ += touches.single.capacity() * sizeof(uint32_t);
}

void TouchTable::Coarsen(PackTouches& touches) {
  for (const uint32_t epoch : touches.single) {
    touches.whole = std::max<uint64_t>(touches.whole, epoch);
  }
  memory_bytes_ -= touches.single.capacity() * sizeof(uint32_t);
  std::vector<uint32_t>().swap(touches.single);
  touches.coarse = true;
}

void TouchTable::CoarsenToLimit() {
  // Down to three quarters, so that the next raise does not come here again.
  std::vector<std::pair<size_t, uint32_t>> by_size;
  for (const auto& [pack, touches] : packs_) {
    if (!touches.coarse) by_size.emplace_back(touches.single.capacity(), pack);
  }
  std::sort(by_size.rbegin(), by_size.rend());
  for (const auto& [size, pack] : by_size) {
    if (memory_bytes_ <= memory_limit_bytes_ / 4 * 3) return;
    Coarsen(packs_[pack]);
  }
}

}  // namespace cairn::chunk_storage
