#include "tests/simulator/lease_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "tests/simulator/verdict.h"

namespace cairn::simulator {

void LeaseWatch::NoteGrant(absl::Duration begin,
                           const absl::StatusOr<Lease>& lease,
                           const std::vector<LeaseClaim>& claims) {
  if (!lease.ok() || released_.contains(lease->id)) return;
  const auto found = leases_.find(lease->id);
  if (found != leases_.end() && IsLive(found->second)) {
    // The same lease again starts its ttl anew.
    found->second.until = std::max(found->second.until, begin + lease->ttl);
    return;
  }
  Watched watched = {.since = scheduler_->now(),
                     .until = begin + lease->ttl,
                     .purpose = lease->purpose};
  for (const LeaseClaim& claim : claims) {
    watched.claims.push_back(claim.resource);
  }
  leases_.insert_or_assign(lease->id, std::move(watched));
}

void LeaseWatch::NoteRenewal(absl::Duration begin, const Uuid& id,
                             const absl::StatusOr<Lease>& lease) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  if (!IsLive(found->second)) {
    leases_.erase(found);
    return;
  }
  // It may have been granted anew since it was refused.
  if (lease.ok()) {
    found->second.until = std::max(found->second.until, begin + lease->ttl);
  } else if (found->second.since <= begin &&
             (HasReason(lease.status(), reason::kLeaseExpired) ||
              HasReason(lease.status(), reason::kSessionFenced))) {
    verdict_->Fail(absl::StrCat("S4: lease ", id.ToString(),
                                " was live without a break and is refused: ",
                                lease.status().ToString()));
  }
}

bool LeaseWatch::IsUnbroken(const Uuid& id) const {
  const auto found = leases_.find(id);
  return found != leases_.end() && IsLive(found->second);
}

std::vector<std::string> LeaseWatch::HeldSnapshots() const {
  std::vector<std::string> held;
  for (const auto& [id, watched] : leases_) {
    if (watched.purpose != LeasePurpose::kRestore || !IsLive(watched)) continue;
    held.insert(held.end(), watched.claims.begin(), watched.claims.end());
  }
  return held;
}

absl::Duration LeaseWatch::HeldSince(const std::string& snapshot) const {
  absl::Duration since = absl::InfiniteDuration();
  for (const auto& [id, watched] : leases_) {
    if (watched.purpose != LeasePurpose::kRestore || !IsLive(watched)) continue;
    if (std::find(watched.claims.begin(), watched.claims.end(), snapshot) !=
        watched.claims.end()) {
      since = std::min(since, watched.since);
    }
  }
  return since;
}

}  // namespace cairn::simulator
