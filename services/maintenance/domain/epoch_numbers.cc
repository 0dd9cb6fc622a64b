#include "services/maintenance/domain/epoch_numbers.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace cairn::maintenance {
namespace {

// A sweep a nanosecond would take three centuries to get here: a number above
// it is damage, not age.
constexpr uint64_t kMaxNumber = uint64_t{1} << 63;

}  // namespace

absl::StatusOr<EpochNumbers> AdoptNumbers(
    const std::optional<EpochNumbers>& known, const SeenNumbers& seen) {
  const uint64_t seen_epoch = std::max(seen.epoch, seen.fence);
  EpochNumbers next = known.value_or(EpochNumbers{});
  if (std::max({seen_epoch, seen.token, next.epoch, next.token}) >=
      kMaxNumber) {
    return absl::FailedPreconditionError(absl::StrCat(
        "datastore ", seen.datastore.uuid.ToString(), " has shown epoch ",
        std::max(seen_epoch, next.epoch), " and sweep token ",
        std::max(seen.token, next.token), ", below ", kMaxNumber,
        " are allowed; its index or store is damaged"));
  }
  const bool same_life =
      known.has_value() && known->datastore == seen.datastore;
  if (!same_life || seen_epoch > next.epoch || seen.token > next.token) {
    next.epoch = 1 + std::max(seen_epoch, next.epoch);
    next.token = 1 + std::max(seen.token, next.token);
    // Leases of every epoch so far may have been granted and forgotten.
    next.expired_epoch = next.epoch - 1;
  }
  next.datastore = seen.datastore;
  next.cut = std::max(next.cut, seen.fence);
  return next;
}

EpochNumbers AdvanceNumbers(const EpochNumbers& numbers, uint64_t cut) {
  EpochNumbers next = numbers;
  ++next.epoch;
  ++next.token;
  next.cut = std::max(next.cut, cut);
  return next;
}

}  // namespace cairn::maintenance
