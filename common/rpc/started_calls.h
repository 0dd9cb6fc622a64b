#pragma once

#include <grpcpp/support/client_interceptor.h>

#include <memory>
#include <string>

#include "common/metrics/rpc_metrics.h"

namespace cairn {

class ClientCall;

// Tells a ClientCall which method gRPC sends with its context. gRPC 1.51 tells
// this to interceptors only; as in method_tracker.h the factory of interceptors
// makes none, because one would cost each message another turn through the
// completion queue. A part of ClientCall. Thread-safe.
class StartedCalls {
 public:
  // `call` has its context and has not been started.
  static void Expect(ClientCall* call);
  // It goes; nothing happens if it was started.
  static void Forget(ClientCall* call);

  // For a channel: calls of methods that `methods` has are counted there.
  static std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>
  NewFactory(std::shared_ptr<const RpcMethodTable> methods);

  // For a channel: its calls are steps of the request of `trace_parent`.
  static std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>
  NewTraceFactory(std::string trace_parent);

 private:
  class Factory;
  class TraceFactory;
  // That has this context, which is being started; null if there is none.
  static ClientCall* Take(const grpc::ClientContext* context);
};

}  // namespace cairn
