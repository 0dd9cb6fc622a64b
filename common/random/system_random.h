#pragma once

#include "absl/random/random.h"

namespace cairn {

// Owned where objects are composed; everything else takes absl::BitGenRef.
using SystemBitGen = absl::BitGen;

// A generator seeded from the operating system. The only source of chance:
// made where objects are composed, everything else takes an absl::BitGenRef.
// Not for keys, tokens or nonces. Not thread-safe.
SystemBitGen NewSystemBitGen();

}  // namespace cairn
