#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/posix/interrupt.h"
#include "client/remote/connection_options.h"
#include "common/time/clock.h"

namespace cairn::client {

// Asks a server by grpc.health.v1 whether `service` serves, such as
// "readiness". NotFound: the server knows none of that name. Unavailable,
// DeadlineExceeded: it was not reached within `timeout`. Else as
// ConnectByGrpc. All are used during the call.
absl::StatusOr<bool> AskHealthByGrpc(const ConnectionOptions& options,
                                     const std::string& service,
                                     absl::Duration timeout, const Clock& clock,
                                     const Interrupt* interrupt);

}  // namespace cairn::client
