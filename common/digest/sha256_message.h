#pragma once

#include <span>
#include <string_view>

namespace cairn {

// The pieces of a message, one after another. They outlive it.
using Sha256Message = std::span<const std::string_view>;

}  // namespace cairn
