#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"

namespace cairn {

// The four shapes of a method, under their usual metric labels.
enum class RpcType { kUnary, kClientStream, kServerStream, kBidiStream };

// What one method counts. Thread-safe.
class RpcMethodMetrics {
 public:
  void Started();
  // `elapsed`: from the start of the call to its status.
  void Handled(absl::StatusCode code, absl::Duration elapsed);

 private:
  friend class RpcMetrics;
  Counter* started_ = nullptr;
  std::array<Counter*, 17> handled_ = {};  // by status code
  Histogram* seconds_ = nullptr;
};

// The gRPC server metrics under their usual names:
//   grpc_server_started_total{grpc_type,grpc_service,grpc_method}
//   grpc_server_handled_total{...,grpc_code}
//   grpc_server_handling_seconds{...}
//   cairn_rpc_calls_in_flight
// A method has all its series, at 0, from when it is added, so that a rate
// over its first error is right. Methods are added before the server starts;
// after that the object is thread-safe.
class RpcMetrics {
 public:
  // `registry` outlives the metrics.
  explicit RpcMetrics(MetricRegistry* registry);

  // `method`: "package.Service/Method". A method may be added twice.
  void AddMethod(std::string_view method, RpcType type);

  // Null if the method was not added.
  RpcMethodMetrics* Find(std::string_view method) const;

  void CallBegins();
  void CallEnds();

 private:
  MetricRegistry* const registry_;
  Gauge* const in_flight_;
  absl::flat_hash_map<std::string, std::unique_ptr<RpcMethodMetrics>> methods_;
};

}  // namespace cairn
