#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>

namespace grpc {
class ServerContextBase;
}  // namespace grpc

// Which method a server context belongs to. gRPC 1.51 tells this to
// interceptors only; a name that each handler repeats could be wrong, which
// would make authorization wrong.
//
// A factory of interceptors is asked, for each call, on the thread that calls
// the handler right after; this one notes the method for that thread and
// makes no interceptor, because one would cost each message another turn
// through the completion queue. A server without the factory, or a context
// that is not the one noted last, has no method and so no rights.
namespace cairn {

// For ServerBuilder::experimental().SetInterceptorCreators.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
NewMethodTracker();

// "package.Service/Method" of the call whose handler was called on this
// thread with `context`; empty if unknown.
std::string TrackedMethod(const grpc::ServerContextBase* context);

}  // namespace cairn
