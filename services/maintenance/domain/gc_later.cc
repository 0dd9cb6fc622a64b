#include "services/maintenance/domain/gc_later.h"

namespace cairn::maintenance {

std::vector<LaterBytes> ListLater(const HeldBytes& held) {
  using Reason = LaterBytes::Reason;
  uint64_t session_bytes = held.session_bytes;
  if (!held.oldest_session.empty()) session_bytes += held.spared_bytes;
  const std::vector<LaterBytes> all = {
      {Reason::kTrash, held.trash_bytes, held.next_trash_end, ""},
      {Reason::kSession, session_bytes, std::nullopt, held.oldest_session},
      {Reason::kThreshold, held.threshold_bytes, std::nullopt, ""},
      {Reason::kBudget, held.budget_bytes, std::nullopt, ""},
      {Reason::kDamage, held.damage_bytes, std::nullopt, ""},
  };
  std::vector<LaterBytes> later;
  for (const LaterBytes& bytes : all) {
    if (bytes.bytes > 0) later.push_back(bytes);
  }
  return later;
}

}  // namespace cairn::maintenance
