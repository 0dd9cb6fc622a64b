#include "services/index/engine/sweep.h"

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::index {

absl::Status SweepLost(const Datastore& datastore, uint64_t token) {
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "sweep ", token, " of datastore ", datastore.name,
          " is lost: index has restarted since, or another one has begun; "
          "begin a new one")),
      reason::kSweepLost);
}

absl::Status Sweep::CheckNotLost() const {
  if (!lost.load(std::memory_order_acquire)) return absl::OkStatus();
  return SweepLost(datastore->info, token);
}

absl::Status Sweep::CheckHighest() const {
  if (datastore->numbers.highest_token != token) {
    return SweepLost(datastore->info, token);
  }
  return CheckNotLost();
}

}  // namespace cairn::index
