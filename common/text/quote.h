#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn {

// `text` as an error shows what was found: in double quotes, with what is no
// printable ASCII as escapes of C, and "..." for what is beyond `limit` bytes.
std::string Quote(std::string_view text, size_t limit = 40);

}  // namespace cairn
