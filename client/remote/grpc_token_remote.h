#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/remote/connection_options.h"
#include "client/remote/token_remote.h"
#include "common/time/clock.h"

namespace cairn::client {

// Tokens over a gRPC channel of its own, which connects at the first call.
// Arguments and errors as ConnectByGrpc; the limiter is not used.
absl::StatusOr<std::unique_ptr<TokenRemote>> ConnectTokensByGrpc(
    const ConnectionOptions& options, const Clock* clock,
    const Interrupt* interrupt);

}  // namespace cairn::client
