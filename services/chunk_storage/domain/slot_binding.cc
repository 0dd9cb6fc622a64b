#include "services/chunk_storage/domain/slot_binding.h"

#include <algorithm>

namespace cairn::chunk_storage {

uint32_t SlotBinding::SlotOf(const Uuid& session) {
  const auto it = bound_.find(session);
  if (it != bound_.end()) {
    it->second.last_use = ++uses_;
    return it->second.slot;
  }
  if (bound_.size() >= kMaxSessions) ForgetOldest();
  const auto least = std::min_element(sessions_.begin(), sessions_.end());
  const auto slot = static_cast<uint32_t>(least - sessions_.begin());
  ++*least;
  bound_[session] = {.slot = slot, .last_use = ++uses_};
  return slot;
}

void SlotBinding::ForgetOldest() {
  const auto oldest = std::min_element(
      bound_.begin(), bound_.end(), [](const auto& a, const auto& b) {
        return a.second.last_use < b.second.last_use;
      });
  --sessions_[oldest->second.slot];
  bound_.erase(oldest);
}

}  // namespace cairn::chunk_storage
