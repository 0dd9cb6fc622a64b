#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/model/names.h"

// A group is written by its owner only. Index judges by what a caller may be:
//   service, admin  acts for an end user, whom it has authenticated and whose
//                   role it has checked; names the user as `principal`
//   client          is `principal` itself, or is refused
//   none            is refused
// A service on a unix socket or on loopback is seen as an administrator, so
// being one overrides nothing here: who lets an administrator of the suite
// write a group names the group's owner as the principal.
namespace cairn::index {

// Whether a session for `principal` may write into `group`, whose owner is
// `owner` (none: it does not exist yet). PermissionDenied (NOT_OWNER), which
// does not say whose it is: it is passed on to clients.
absl::Status CheckMayWrite(const Caller& caller, const std::string& principal,
                           const GroupName& group,
                           const std::optional<std::string>& owner);

// Whether `caller` may change notes, owner or protection of `group` or its
// snapshots. PermissionDenied (NOT_OWNER).
absl::Status CheckMayChange(const Caller& caller, const GroupName& group,
                            const std::string& owner);

}  // namespace cairn::index
