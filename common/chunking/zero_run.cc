#include "common/chunking/zero_run.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace cairn {

bool IsAllZero(std::string_view bytes) {
  constexpr size_t kHead = 16;
  const size_t head = std::min(bytes.size(), kHead);
  for (size_t i = 0; i < head; ++i) {
    if (bytes[i] != 0) return false;
  }
  // All zero if it begins with zeros and equals itself shifted by them.
  return bytes.size() <= kHead ||
         std::memcmp(bytes.data(), bytes.data() + kHead,
                     bytes.size() - kHead) == 0;
}

}  // namespace cairn
