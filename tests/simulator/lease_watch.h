#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/lease.h"
#include "common/model/uuid.h"
#include "tests/simulator/scheduler.h"

namespace cairn::simulator {

class Verdict;

// Knows from outside which leases have been live without a break: granted,
// and renewed each time before the ttl was over, counted from before the
// question. It says so too rarely, never too often.
class LeaseWatch {
 public:
  LeaseWatch(Scheduler* scheduler, Verdict* verdict)
      : scheduler_(scheduler), verdict_(verdict) {}

  void NoteGrant(absl::Duration begin, const absl::StatusOr<Lease>& lease,
                 const std::vector<LeaseClaim>& claims);
  // An unbroken lease cannot have expired.
  void NoteRenewal(absl::Duration begin, const Uuid& id,
                   const absl::StatusOr<Lease>& lease);
  // May be released from now on, also once it has been granted anew: the
  // request may arrive late.
  void NoteRelease(const Uuid& id) {
    leases_.erase(id);
    released_.insert(id);
  }

  // The session's, or a reader's.
  bool IsUnbroken(const Uuid& id) const;
  // Snapshots that an unbroken lease of a reader claims.
  std::vector<std::string> HeldSnapshots() const;
  // Since when `snapshot` has been held without a break by one of them;
  // infinite future: it is not.
  absl::Duration HeldSince(const std::string& snapshot) const;

 private:
  struct Watched {
    absl::Duration since;  // granted
    absl::Duration until;  // live at least so long
    LeasePurpose purpose = LeasePurpose::kBackup;
    std::vector<std::string> claims;
  };
  bool IsLive(const Watched& watched) const {
    return scheduler_->now() < watched.until;
  }

  Scheduler* const scheduler_;
  Verdict* const verdict_;
  std::map<Uuid, Watched> leases_;
  std::set<Uuid> released_;
};

}  // namespace cairn::simulator
