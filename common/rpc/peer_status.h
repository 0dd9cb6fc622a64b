#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace cairn {

// The status of a call that this process has not cancelled itself: as
// FromGrpcStatus, but Unavailable instead of Cancelled. gRPC answers Cancelled
// for a server that ends before it looks at the call, which may be made again,
// while Cancelled from our own functions says that nobody wants it any more.
absl::Status FromPeerStatus(const grpc::Status& status);

}  // namespace cairn
