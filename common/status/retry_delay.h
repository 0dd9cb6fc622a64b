#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace cairn {

inline constexpr absl::Duration kMaxRetryDelay = absl::Hours(1);

// `status` with the word of the server that the call may be repeated after
// `delay` (0..1h, clamped); OK stays OK. Crosses the wire.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// The delay that the server asked for, if it did.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

}  // namespace cairn
