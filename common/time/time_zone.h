#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn {

inline constexpr size_t kMaxTimeZoneNameBytes = 64;

// The time zone of the tz database that `name` names: "Europe/Vienna", "UTC".
// "localtime" is that of this machine. Reads a file of /usr/share/zoneinfo, or
// of TZDIR, the first time that a name is asked for, and remembers each name,
// known or not, as long as the process lives. Thread-safe.
//
// InvalidArgument: there is no such zone here, or `name` is not 1 to
// kMaxTimeZoneNameBytes letters, digits, "_", "+", "-" and "/" that leave that
// folder nowhere.
absl::StatusOr<absl::TimeZone> LoadTimeZone(std::string_view name);

}  // namespace cairn
