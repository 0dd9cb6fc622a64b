#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace cairn::index {

// InvalidArgument, naming `field`: longer than `max_bytes`, or not UTF-8,
// which rows and records cannot hold.
absl::Status CheckText(std::string_view field, std::string_view text,
                       size_t max_bytes);
// Also InvalidArgument: empty.
absl::Status CheckPrincipal(std::string_view field, std::string_view text);

}  // namespace cairn::index
