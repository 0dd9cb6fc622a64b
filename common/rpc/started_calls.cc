#include "common/rpc/started_calls.h"

#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/client_call.h"
#include "common/trace/trace_context.h"

namespace cairn {
namespace {

// Calls between their making and their start: a few at any time.
struct Expected {
  absl::Mutex mutex;
  absl::flat_hash_map<const grpc::ClientContext*, ClientCall*> calls
      ABSL_GUARDED_BY(mutex);
};

// Never destroyed: calls may be made while static objects are.
Expected& TheExpected() {
  static Expected* const expected = new Expected;
  return *expected;
}

RpcType TypeOf(grpc::experimental::ClientRpcInfo::Type type) {
  switch (type) {
    case grpc::experimental::ClientRpcInfo::Type::CLIENT_STREAMING:
      return RpcType::kClientStream;
    case grpc::experimental::ClientRpcInfo::Type::SERVER_STREAMING:
      return RpcType::kServerStream;
    case grpc::experimental::ClientRpcInfo::Type::BIDI_STREAMING:
      return RpcType::kBidiStream;
    default:
      return RpcType::kUnary;
  }
}

}  // namespace

class StartedCalls::Factory final
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit Factory(std::shared_ptr<const RpcMethodTable> methods)
      : methods_(std::move(methods)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* info) override {
    ClientCall* const call = Take(info->client_context());
    if (call == nullptr) return nullptr;
    std::string_view method = info->method();
    if (method.starts_with('/')) method.remove_prefix(1);
    RpcMethodMetrics* const metrics = methods_->Find(method);
    // The text is that of the stub, and ends where info->method() does.
    if (metrics != nullptr) {
      call->Started(method.data(), TypeOf(info->type()), metrics);
    }
    return nullptr;
  }

 private:
  const std::shared_ptr<const RpcMethodTable> methods_;
};

// The metadata of a call may be added to until its start, which this is.
class StartedCalls::TraceFactory final
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TraceFactory(std::string trace_parent)
      : trace_parent_(std::move(trace_parent)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* info) override {
    info->client_context()->AddMetadata("traceparent",
                                        NextTraceParent(trace_parent_));
    return nullptr;
  }

 private:
  const std::string trace_parent_;
};

void StartedCalls::Expect(ClientCall* call) {
  Expected& expected = TheExpected();
  absl::MutexLock lock(&expected.mutex);
  expected.calls[call->context()] = call;
}

void StartedCalls::Forget(ClientCall* call) { Take(call->context()); }

ClientCall* StartedCalls::Take(const grpc::ClientContext* context) {
  Expected& expected = TheExpected();
  absl::MutexLock lock(&expected.mutex);
  const auto found = expected.calls.find(context);
  if (found == expected.calls.end()) return nullptr;
  ClientCall* const call = found->second;
  expected.calls.erase(found);
  return call;
}

std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>
StartedCalls::NewFactory(std::shared_ptr<const RpcMethodTable> methods) {
  return std::make_unique<Factory>(std::move(methods));
}

std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>
StartedCalls::NewTraceFactory(std::string trace_parent) {
  return std::make_unique<TraceFactory>(std::move(trace_parent));
}

}  // namespace cairn
