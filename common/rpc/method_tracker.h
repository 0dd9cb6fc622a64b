#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <array>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace cairn {

// Knows which method a server context belongs to. gRPC 1.51 tells this to
// interceptors only, and a name that each handler repeats could be wrong,
// which would make authorization wrong. Outlives the servers it watches.
// Thread-safe.
class MethodTracker {
 public:
  // For ServerBuilder::experimental().SetInterceptorCreators.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  NewInterceptorFactory();

  // "package.Service/Method"; empty if the server has no interceptor of this
  // tracker. While the call of `context` lasts.
  std::string MethodOf(const grpc::ServerContextBase* context) const;

 private:
  class Factory;
  class Entry;

  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<const grpc::ServerContextBase*, const Entry*> entries
        ABSL_GUARDED_BY(mutex);
  };
  Shard& ShardOf(const grpc::ServerContextBase* context) const;

  mutable std::array<Shard, 16> shards_;
};

}  // namespace cairn
