#include "client/remote/grpc_health.h"

#include <memory>
#include <utility>

#include "client/remote/grpc_channel.h"
#include "client/remote/grpc_unary.h"
#include "common/status/status_macros.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace cairn::client {

absl::StatusOr<bool> AskHealthByGrpc(const ConnectionOptions& options,
                                     const std::string& service,
                                     absl::Duration timeout, const Clock& clock,
                                     const Interrupt* interrupt) {
  using grpc::health::v1::HealthCheckResponse;
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                   OpenGrpcChannel(options));
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  ASSIGN_OR_RETURN(const HealthCheckResponse response,
                   CallUnary<HealthCheckResponse>(
                       clock, interrupt, timeout, request,
                       [&stub](grpc::ClientContext* context, const auto* asked,
                               auto* answer, auto done) {
                         stub->async()->Check(context, asked, answer,
                                              std::move(done));
                       }));
  return response.status() == HealthCheckResponse::SERVING;
}

}  // namespace cairn::client
