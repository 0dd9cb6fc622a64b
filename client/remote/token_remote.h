#pragma once

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/token_service.pb.h"

namespace cairn::client {

// The calls of tokens, each one attempt with a deadline. Statuses as those of
// MaintenanceRemote.
class TokenRemote {
 public:
  virtual ~TokenRemote() = default;

  virtual absl::StatusOr<maintenance::v1::CreateTokenResponse> CreateToken(
      const maintenance::v1::CreateTokenRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::ListTokensResponse> ListTokens(
      const maintenance::v1::ListTokensRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::RevokeTokenResponse> RevokeToken(
      const maintenance::v1::RevokeTokenRequest& request) = 0;
};

}  // namespace cairn::client
