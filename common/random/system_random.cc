#include "common/random/system_random.h"

namespace cairn {

// The default constructor draws its seed from getrandom(2) by way of
// Abseil's seed pool.
absl::BitGen NewSystemBitGen() { return absl::BitGen(); }

}  // namespace cairn
