#include "common/rpc/method_tracker.h"

#include <cstdint>
#include <string_view>

#include <grpcpp/server_context.h>

namespace cairn {

// Lives as long as the context; does nothing but be known.
class MethodTracker::Entry final : public grpc::experimental::Interceptor {
 public:
  Entry(const MethodTracker* tracker, const grpc::ServerContextBase* context,
        std::string_view method)
      : tracker_(tracker), context_(context), method_(method) {
    Shard& shard = tracker_->ShardOf(context_);
    absl::MutexLock lock(&shard.mutex);
    shard.entries[context_] = this;
  }

  ~Entry() override {
    Shard& shard = tracker_->ShardOf(context_);
    absl::MutexLock lock(&shard.mutex);
    // A later context may have the same address already.
    const auto found = shard.entries.find(context_);
    if (found != shard.entries.end() && found->second == this) {
      shard.entries.erase(found);
    }
  }

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }

  const std::string& method() const { return method_; }

 private:
  const MethodTracker* const tracker_;
  const grpc::ServerContextBase* const context_;
  const std::string method_;
};

class MethodTracker::Factory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(const MethodTracker* tracker) : tracker_(tracker) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    std::string_view method = info->method() == nullptr ? "" : info->method();
    if (method.starts_with('/')) method.remove_prefix(1);
    return new Entry(tracker_, info->server_context(), method);
  }

 private:
  const MethodTracker* const tracker_;
};

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
MethodTracker::NewInterceptorFactory() {
  return std::make_unique<Factory>(this);
}

std::string MethodTracker::MethodOf(
    const grpc::ServerContextBase* context) const {
  const Shard& shard = ShardOf(context);
  absl::MutexLock lock(&shard.mutex);
  const auto found = shard.entries.find(context);
  return found == shard.entries.end() ? std::string() : found->second->method();
}

MethodTracker::Shard& MethodTracker::ShardOf(
    const grpc::ServerContextBase* context) const {
  // Contexts are far larger than 256 bytes, so the low bits say nothing.
  const auto address = reinterpret_cast<uintptr_t>(context);
  return shards_[(address >> 8) % shards_.size()];
}

}  // namespace cairn
