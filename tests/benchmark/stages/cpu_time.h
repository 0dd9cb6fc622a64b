#pragma once

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace cairn {

// How long `work` keeps this thread on a processor. What others run at the
// same time does not count, but for the caches and the memory they use.
absl::Duration CpuTimeOf(absl::FunctionRef<void()> work);

}  // namespace cairn
