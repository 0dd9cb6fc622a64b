#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/model/names.h"

namespace cairn::ingest {

// Who may see, and where its role lets it call that at all change, what a
// principal owns: the role backup only what is its own, all others everything.
bool MayAccess(const Caller& caller, std::string_view owner);

// PermissionDenied (NOT_OWNER), naming `what`, if MayAccess is false.
absl::Status CheckOwner(const Caller& caller, std::string_view what,
                        std::string_view owner);

// Sessions do not carry their group in their name, so that it is looked at
// here whether it lies in the caller's scope.
bool MayReach(const Caller& caller, const GroupName& group);

// PermissionDenied (OUT_OF_SCOPE) if MayReach is false.
absl::Status CheckReach(const Caller& caller, const GroupName& group);

// Who may back up into a group: its owner alone, also before administrators,
// as index has it. PermissionDenied (NOT_OWNER).
absl::Status CheckMayWrite(const Caller& caller, const GroupName& group,
                           std::string_view owner);

}  // namespace cairn::ingest
