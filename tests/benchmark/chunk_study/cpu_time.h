#pragma once

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace cairn::study {

// CPU time of this thread for `work`: what other programs do at the same time
// counts little.
absl::Duration CpuOf(absl::FunctionRef<void()> work);

}  // namespace cairn::study
