#include "common/rpc/peer_status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/rpc/status_conversion.h"

namespace cairn {

absl::Status FromPeerStatus(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::CANCELLED) {
    return FromGrpcStatus(status);
  }
  const std::string text = status.error_message();
  return FromGrpcStatus(
      grpc::Status(grpc::StatusCode::UNAVAILABLE,
                   absl::StrCat("the server gave the call up",
                                text.empty() ? "" : absl::StrCat(": ", text)),
                   status.error_details()));
}

}  // namespace cairn
