#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/model/uuid.h"

namespace cairn::maintenance {

// Where something stands in a list that is ordered by time.
using PagePosition = std::pair<absl::Time, Uuid>;

// How many items a page holds: what is asked for, within bounds.
size_t PageSizeOf(const PageRequest& page);

// The page token after the item that stands at `last`: 48 lower case hex
// digits of its time (big endian Unix nanoseconds) and id.
std::string FormatPageToken(const PagePosition& last);

// None for the empty token. InvalidArgument (PAGE_TOKEN_INVALID).
absl::StatusOr<std::optional<PagePosition>> ParsePageToken(
    std::string_view token);

}  // namespace cairn::maintenance
