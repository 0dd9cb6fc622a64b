#pragma once

#include "client/remote/retry_budget.h"
#include "common/status/status_macros.h"

namespace cairn::client {

// What `call()`, a StatusOr, returns; made again while it fails and `budget`
// allows. For calls that may be repeated.
template <typename Call>
auto CallWithRetries(RetryBudget& budget, Call call) -> decltype(call()) {
  while (true) {
    auto result = call();
    if (result.ok()) {
      budget.Progress();
      return result;
    }
    RETURN_IF_ERROR(budget.WaitAfter(result.status()));
  }
}

}  // namespace cairn::client
