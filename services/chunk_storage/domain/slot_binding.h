#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/model/uuid.h"

namespace cairn::chunk_storage {

// Which of a few slots (open packs) each session writes to: its own as long
// as there are enough, then the one with the fewest sessions. Nobody says
// when a session ends, so only the most recent ones count, and the one that
// has written nothing for longest is forgotten first. Not thread-safe.
class SlotBinding {
 public:
  static constexpr size_t kMaxSessions = 256;

  // `slot_count` >= 1.
  explicit SlotBinding(uint32_t slot_count) : sessions_(slot_count, 0) {}

  // The session's slot, in [0, slot_count).
  uint32_t SlotOf(const Uuid& session);

 private:
  struct Bound {
    uint32_t slot = 0;
    uint64_t last_use = 0;
  };

  void ForgetOldest();

  std::vector<uint32_t> sessions_;  // how many, by slot
  uint64_t uses_ = 0;
  absl::flat_hash_map<Uuid, Bound> bound_;
};

}  // namespace cairn::chunk_storage
