#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cairn::client {

// A span of time as an option takes it: numbers, each with a unit of w d h min
// s, such as 30d, 1w2d or 90min; 0 needs none. Weeks are 7 days of 24 hours. A
// month would be no fixed time, so that there is no m. At most 100 years, in
// seconds.
// InvalidArgument names `source`, where the text came from.
absl::StatusOr<int64_t> ParseSpan(std::string_view text,
                                  std::string_view source);

// The shortest form of `seconds` that ParseSpan reads: "30d", "1h30min".
std::string FormatSpanArgument(int64_t seconds);

}  // namespace cairn::client
