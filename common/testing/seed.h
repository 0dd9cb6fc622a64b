#pragma once

#include <cstdint>

namespace cairn {

// The seed of a randomised test: the value of the environment variable
// CAIRN_TEST_SEED if it is set, else one drawn from the system. Printed, and
// attached to the result of the running test, so that a failure can be
// repeated:
//
//   std::mt19937_64 random(TestSeed());
//
// An absl::BitGenRef may refer to it. The same within one process.
uint64_t TestSeed();

}  // namespace cairn
