#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

// Bounds on what callers write. The errors name `what`.
namespace cairn::maintenance {

// InvalidArgument unless `text` is printable UTF-8 of min_length..max_length
// bytes.
absl::Status CheckText(std::string_view what, std::string_view text,
                       size_t min_length, size_t max_length);

// InvalidArgument if `size` is above `max_size` bytes. `what` is a plural.
absl::Status CheckSize(std::string_view what, size_t size, size_t max_size);

}  // namespace cairn::maintenance
