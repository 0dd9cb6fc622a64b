#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/maintenance/domain/run_results.h"

namespace cairn::maintenance {

// What a sweep has found that keeps bytes from being freed. No two of these
// figures count a byte twice.
struct HeldBytes {
  uint64_t trash_bytes = 0;    // only trash refers to them
  uint64_t session_bytes = 0;  // only open sessions do
  // Nothing refers to them, and they were touched at or above the cut.
  uint64_t spared_bytes = 0;
  uint64_t threshold_bytes = 0;
  uint64_t budget_bytes = 0;
  uint64_t damage_bytes = 0;
  std::optional<absl::Time> next_trash_end;
  // The session that began first, and since when; empty: none is open. It
  // holds back the cut, so that what is spared is spared for it. Without one
  // what is spared is what the sweep itself, or a session that has come and
  // gone beside it, has touched: the next sweep takes it.
  std::string oldest_session;
};

// In the order of LaterBytes::Reason; what is nothing is left out.
std::vector<LaterBytes> ListLater(const HeldBytes& held);

}  // namespace cairn::maintenance
