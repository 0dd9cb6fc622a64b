#include "client/remote/grpc_token_remote.h"

#include <grpcpp/channel.h>

#include <utility>

#include "absl/time/time.h"
#include "cairn/maintenance/v1/token_service.grpc.pb.h"
#include "client/remote/grpc_channel.h"
#include "client/remote/grpc_unary.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else

constexpr absl::Duration kCallTimeout = absl::Minutes(1);

class GrpcTokenRemote final : public TokenRemote {
 public:
  GrpcTokenRemote(std::shared_ptr<grpc::Channel> channel, const Clock* clock,
                  const Interrupt* interrupt)
      : tokens_(TokenService::NewStub(std::move(channel))),
        clock_(clock),
        interrupt_(interrupt) {}

  absl::StatusOr<CreateTokenResponse> CreateToken(
      const CreateTokenRequest& request) override {
    return CallUnary<CreateTokenResponse>(*clock_, interrupt_, kCallTimeout,
                                          request,
                                          CAIRN_UNARY(tokens_, CreateToken));
  }
  absl::StatusOr<ListTokensResponse> ListTokens(
      const ListTokensRequest& request) override {
    return CallUnary<ListTokensResponse>(*clock_, interrupt_, kCallTimeout,
                                         request,
                                         CAIRN_UNARY(tokens_, ListTokens));
  }
  absl::StatusOr<RevokeTokenResponse> RevokeToken(
      const RevokeTokenRequest& request) override {
    return CallUnary<RevokeTokenResponse>(*clock_, interrupt_, kCallTimeout,
                                          request,
                                          CAIRN_UNARY(tokens_, RevokeToken));
  }

 private:
  const std::unique_ptr<TokenService::Stub> tokens_;
  const Clock* const clock_;
  const Interrupt* const interrupt_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TokenRemote>> ConnectTokensByGrpc(
    const ConnectionOptions& options, const Clock* clock,
    const Interrupt* interrupt) {
  ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel,
                   OpenGrpcChannel(options));
  return std::make_unique<GrpcTokenRemote>(std::move(channel), clock,
                                           interrupt);
}

}  // namespace cairn::client
