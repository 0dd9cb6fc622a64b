#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn {

// True if `text` is well-formed UTF-8 without control characters (below
// U+0020, and U+007F). The empty text is.
bool IsPrintableUtf8(std::string_view text);

// The first `limit` bytes of `text`, cut between characters, with "?" for
// each byte that is not UTF-8 and a space for each control character.
std::string ToPrintableUtf8(std::string_view text, size_t limit);

}  // namespace cairn
