#include "common/rpc/method_tracker.h"

#include <string_view>

namespace cairn {
namespace {

struct LastCall {
  const grpc::ServerContextBase* context = nullptr;
  // Of the registered method, which lives as long as its server.
  const char* method = nullptr;
};

thread_local LastCall last_call;

class Factory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    last_call = {info->server_context(), info->method()};
    return nullptr;
  }
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
NewMethodTracker() {
  return std::make_unique<Factory>();
}

std::string TrackedMethod(const grpc::ServerContextBase* context) {
  if (last_call.context != context || last_call.method == nullptr) return "";
  std::string_view method = last_call.method;
  if (method.starts_with('/')) method.remove_prefix(1);
  return std::string(method);
}

}  // namespace cairn
