#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/model/names.h"

namespace cairn::ingest {

// Who may see and change what a principal owns: administrators, services and
// this process itself everything, a client only what is its own.
bool MayAccess(const Caller& caller, std::string_view owner);

// PermissionDenied (NOT_OWNER), naming `what`, if MayAccess is false.
absl::Status CheckOwner(const Caller& caller, std::string_view what,
                        std::string_view owner);

// Who may back up into a group: its owner alone, also before administrators,
// as index has it. PermissionDenied (NOT_OWNER).
absl::Status CheckMayWrite(const Caller& caller, const GroupName& group,
                           std::string_view owner);

}  // namespace cairn::ingest
