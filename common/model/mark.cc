#include "common/model/mark.h"

namespace cairn {

uint64_t MarkPrefix(const Digest& digest) {
  uint64_t prefix = 0;
  for (int i = 0; i < 8; ++i) prefix = prefix << 8 | digest.bytes[i];
  return prefix;
}

}  // namespace cairn
