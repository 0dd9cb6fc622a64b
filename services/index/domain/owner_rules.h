#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/model/names.h"

// A group is written by its owner only. Index judges by what a caller may be:
//   service  acts for an end user, whom it has authenticated and whose role
//            it has checked; names the user as `principal`
//   admin    may write and change any group, which keeps its owner
//   client   is `principal` itself, or is refused
//   none     is refused
namespace cairn::index {

// Whether a session for `principal` may write into `group`, whose owner is
// `owner` (none: it does not exist yet). PermissionDenied (NOT_OWNER).
absl::Status CheckMayWrite(const Caller& caller, const std::string& principal,
                           const GroupName& group,
                           const std::optional<std::string>& owner);

// Whether `caller` may change notes, owner or protection of `group` or its
// snapshots. PermissionDenied (NOT_OWNER).
absl::Status CheckMayChange(const Caller& caller, const GroupName& group,
                            const std::string& owner);

}  // namespace cairn::index
