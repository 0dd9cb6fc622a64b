#pragma once

#include "absl/functional/function_ref.h"

namespace cairn {

// Runs `body` in a process of its own, waits for it, and returns true if it
// returned and no expectation failed in it. For code that ends a process,
// leaves threads or locks behind, or must start from none. The calling
// process must have no threads.
bool RunInChild(absl::FunctionRef<void()> body);

}  // namespace cairn
