#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn {

// The zone of that name in the time zone database of this machine
// ("Europe/Vienna", "UTC"); the empty name is UTC.
// InvalidArgument: the name is none (at most 64 characters of letters,
// digits and "_+-/", no empty or dotted part, so that it names nothing outside
// of the database), or the database does not have it.
absl::StatusOr<absl::TimeZone> FindTimeZone(std::string_view name);

}  // namespace cairn
