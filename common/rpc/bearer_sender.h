#pragma once

#include <grpcpp/support/client_interceptor.h>

#include <memory>
#include <string>

namespace cairn {

// Adds "authorization: Bearer `token`" to every call of a channel. gRPC's own
// call credentials do it over TLS alone, and a token may be shown on a unix
// socket and on loopback too.
std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>
NewBearerSender(const std::string& token);

}  // namespace cairn
