#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace cairn {

// Messages that are worked on at a time: who has a choice hands in as many.
inline constexpr size_t kSha256Lanes = 4;

// The pieces of a message, one after another. They outlive it.
using Sha256Message = std::span<const std::string_view>;

}  // namespace cairn
