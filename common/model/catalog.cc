#include "common/model/catalog.h"

namespace cairn {

uint64_t Snapshot::size_bytes() const {
  // Each archive is at most 2^63 - 1 bytes long: a sum that passes 64 bits
  // is reported as the largest number instead of a small one.
  uint64_t sum = 0;
  for (const Archive& archive : archives) {
    if (__builtin_add_overflow(sum, archive.root.size_bytes, &sum)) {
      return ~uint64_t{0};
    }
  }
  return sum;
}

}  // namespace cairn
