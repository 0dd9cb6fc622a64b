#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn {

// Length in bytes of the UTF-8 sequence that `text` starts with; 0 if it
// starts with none (overlong forms, surrogates and values above U+10FFFF are
// none) or is empty.
size_t Utf8SequenceLength(std::string_view text);

// The first `limit` bytes of `text`, cut between characters, with "?" for
// each byte that is not UTF-8.
std::string ToValidUtf8(std::string_view text, size_t limit);

}  // namespace cairn
