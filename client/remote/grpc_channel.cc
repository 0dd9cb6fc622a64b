#include "client/remote/grpc_channel.h"

#include "common/rpc/channel.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// When the last channel with callbacks goes, gRPC 1.51 joins the threads that
// serve them, and one of them may sleep for ten seconds before it notices. So
// the first channel of a process is never given back.
void KeepCallbackThreads(const std::shared_ptr<grpc::Channel>& channel) {
  static const auto* const kKept = new std::shared_ptr<grpc::Channel>(channel);
  (void)kKept;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenGrpcChannel(
    const ConnectionOptions& options) {
  ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel,
                   CreateChannel({.target = options.server,
                                  .tls_ca_file = options.tls_ca_file,
                                  .tls_cert_file = options.tls_cert_file,
                                  .tls_key_file = options.tls_key_file,
                                  .bearer_token = options.bearer_token,
                                  .trace_parent = options.trace_parent}));
  KeepCallbackThreads(channel);
  return channel;
}

}  // namespace cairn::client
