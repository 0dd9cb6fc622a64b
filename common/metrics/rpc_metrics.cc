#include "common/metrics/rpc_metrics.h"

namespace cairn {
namespace {

// As the gRPC libraries of other languages label them.
constexpr const char* kCodeNames[17] = {"OK",
                                        "Canceled",
                                        "Unknown",
                                        "InvalidArgument",
                                        "DeadlineExceeded",
                                        "NotFound",
                                        "AlreadyExists",
                                        "PermissionDenied",
                                        "ResourceExhausted",
                                        "FailedPrecondition",
                                        "Aborted",
                                        "OutOfRange",
                                        "Unimplemented",
                                        "Internal",
                                        "Unavailable",
                                        "DataLoss",
                                        "Unauthenticated"};

const char* TypeName(RpcType type) {
  switch (type) {
    case RpcType::kUnary:
      return "unary";
    case RpcType::kClientStream:
      return "client_stream";
    case RpcType::kServerStream:
      return "server_stream";
    case RpcType::kBidiStream:
      return "bidi_stream";
  }
  return "unary";
}

}  // namespace

void RpcMethodMetrics::Started() { started_->Increment(); }

void RpcMethodMetrics::Handled(absl::StatusCode code, absl::Duration elapsed) {
  size_t number = static_cast<size_t>(code);
  if (number >= handled_.size()) {
    number = static_cast<size_t>(absl::StatusCode::kUnknown);
  }
  handled_[number]->Increment();
  seconds_->Observe(absl::ToDoubleSeconds(elapsed));
}

void RpcMethodMetrics::Received(double messages) {
  received_->Increment(messages);
}

void RpcMethodMetrics::Sent(double messages) { sent_->Increment(messages); }

RpcMetrics::RpcMetrics(MetricRegistry* registry)
    : methods_(RpcSide::kServer, registry),
      in_flight_(&registry->AddGauge("cairn_rpc_calls_in_flight",
                                     "Calls that the server handles now.")) {}

void RpcMethodTable::AddMethod(std::string_view method, RpcType type) {
  std::unique_ptr<RpcMethodMetrics>& slot = methods_[std::string(method)];
  if (slot != nullptr) return;
  slot = std::make_unique<RpcMethodMetrics>();
  const size_t slash = method.find('/');
  MetricLabels labels;
  labels["grpc_type"] = TypeName(type);
  labels["grpc_service"] = std::string(method.substr(0, slash));
  labels["grpc_method"] = slash == std::string_view::npos
                              ? std::string()
                              : std::string(method.substr(slash + 1));
  const bool server = side_ == RpcSide::kServer;
  const std::string prefix = server ? "grpc_server_" : "grpc_client_";
  slot->started_ = &registry_->AddCounter(
      prefix + "started_total",
      server ? "Calls that reached the server." : "Calls to other services.",
      labels);
  slot->received_ = &registry_->AddCounter(prefix + "msg_received_total",
                                           "Messages received.", labels);
  slot->sent_ = &registry_->AddCounter(prefix + "msg_sent_total",
                                       "Messages sent.", labels);
  slot->seconds_ = &registry_->AddHistogram(
      prefix + "handling_seconds",
      "Time from the start of a call to its status.", labels, LatencyBuckets());
  for (size_t code = 0; code < slot->handled_.size(); ++code) {
    labels["grpc_code"] = kCodeNames[code];
    slot->handled_[code] = &registry_->AddCounter(
        prefix + "handled_total", "Calls that ended, by status code.", labels);
  }
}

RpcMethodMetrics* RpcMethodTable::Find(std::string_view method) const {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : found->second.get();
}

void RpcMetrics::CallBegins() { in_flight_->Add(1); }

void RpcMetrics::CallEnds() { in_flight_->Add(-1); }

}  // namespace cairn
