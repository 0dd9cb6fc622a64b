#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string_view>

#include "cairn/maintenance/v1/token_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/maintenance/client/token_client.h"

namespace cairn {

// Asks maintenance in another process. Thread-safe.
class GrpcTokenClient final : public TokenClient {
 public:
  // `clock` outlives the client.
  GrpcTokenClient(const std::shared_ptr<grpc::Channel>& channel,
                  const Clock* clock);

  absl::StatusOr<TokenCopy> ReadTokens(const Call& call,
                                       std::string_view known_version) override;

 private:
  absl::Status ReadPages(const Call& call, std::string_view known_version,
                         TokenCopy* copy);

  const std::unique_ptr<maintenance::v1::TokenService::Stub> stub_;
  const Clock* const clock_;
};

}  // namespace cairn
