#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/maintenance/domain/lease_table.h"

namespace cairn::maintenance {

// Where the next page of a list of leases starts: 48 lower case hex digits
// of the last lease's start (big endian Unix nanoseconds) and id.
std::string FormatLeasePageToken(const LeaseTable::Position& last);

// None for the empty token. InvalidArgument (PAGE_TOKEN_INVALID).
absl::StatusOr<std::optional<LeaseTable::Position>> ParseLeasePageToken(
    std::string_view token);

}  // namespace cairn::maintenance
