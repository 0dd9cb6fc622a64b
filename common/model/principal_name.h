#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace cairn {

inline constexpr size_t kMaxPrincipalNameBytes = 64;

// Whether `name` may stand before the "@" of a principal: 1..64 characters of
// [A-Za-z0-9._-], the first a letter or a digit.
inline bool IsPrincipalName(std::string_view name) {
  const auto is_alnum = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9');
  };
  if (name.empty() || name.size() > kMaxPrincipalNameBytes ||
      !is_alnum(name[0])) {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace cairn
