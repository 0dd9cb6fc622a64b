#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/statusor.h"
#include "client/remote/connection_options.h"

namespace cairn::client {

// A channel that connects at the first call. Errors as ConnectByGrpc.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenGrpcChannel(
    const ConnectionOptions& options);

}  // namespace cairn::client
