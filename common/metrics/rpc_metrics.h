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
  // Messages of the stream, or those of a unary call.
  void Received(double messages = 1);
  void Sent(double messages = 1);

 private:
  friend class RpcMethodTable;
  Counter* started_ = nullptr;
  Counter* received_ = nullptr;
  Counter* sent_ = nullptr;
  std::array<Counter*, 17> handled_ = {};  // by status code
  Histogram* seconds_ = nullptr;
};

// Which side of the calls is counted: its word in the names of the metrics.
enum class RpcSide { kServer, kClient };

// The gRPC metrics of one side under their usual names, SIDE being server or
// client:
//   grpc_SIDE_started_total{grpc_type,grpc_service,grpc_method}
//   grpc_SIDE_handled_total{...,grpc_code}
//   grpc_SIDE_handling_seconds{...}
//   grpc_SIDE_msg_received_total{...}, grpc_SIDE_msg_sent_total{...}
// A method has all its series, at 0, from when it is added, so that a rate
// over its first error is right. Methods are added before the first call;
// after that the object is thread-safe.
class RpcMethodTable {
 public:
  // `registry` outlives the table.
  RpcMethodTable(RpcSide side, MetricRegistry* registry)
      : side_(side), registry_(registry) {}

  // `method`: "package.Service/Method". A method may be added twice.
  void AddMethod(std::string_view method, RpcType type);

  // Null if the method was not added.
  RpcMethodMetrics* Find(std::string_view method) const;

 private:
  const RpcSide side_;
  MetricRegistry* const registry_;
  absl::flat_hash_map<std::string, std::unique_ptr<RpcMethodMetrics>> methods_;
};

// What a server counts: the table of its methods, and
//   cairn_rpc_calls_in_flight
class RpcMetrics {
 public:
  // `registry` outlives the metrics.
  explicit RpcMetrics(MetricRegistry* registry);

  // As RpcMethodTable.
  void AddMethod(std::string_view method, RpcType type) {
    methods_.AddMethod(method, type);
  }
  RpcMethodMetrics* Find(std::string_view method) const {
    return methods_.Find(method);
  }

  void CallBegins();
  void CallEnds();

 private:
  RpcMethodTable methods_;
  Gauge* const in_flight_;
};

}  // namespace cairn
