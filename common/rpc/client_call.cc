#include "common/rpc/client_call.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/rpc/peer_status.h"
#include "common/rpc/started_calls.h"
#include "common/trace/trace_context.h"

namespace cairn {

ClientCall::ClientCall(const Call& call, const Clock& clock,
                       absl::Duration timeout)
    : clock_(clock),
      cancellation_(call.cancellation),
      trace_parent_(NextTraceParent(call.trace_parent.empty()
                                        ? CurrentTraceParent()
                                        : call.trace_parent)) {
  const absl::Time deadline = std::min(call.deadline, clock.Now() + timeout);
  if (deadline != absl::InfiniteFuture()) {
    context_.set_deadline(absl::ToChronoTime(deadline));
  }
  context_.AddMetadata("traceparent", trace_parent_);
  if (cancellation_ != nullptr) {
    callback_ = cancellation_->AddCallback([this] { context_.TryCancel(); });
  }
  StartedCalls::Expect(this);
}

ClientCall::~ClientCall() {
  StartedCalls::Forget(this);
  if (cancellation_ != nullptr) cancellation_->RemoveCallback(callback_);
  // Its owner went before its end.
  Ended(absl::StatusCode::kCancelled);
}

void ClientCall::Started(const char* method, RpcType type,
                         RpcMethodMetrics* metrics) {
  method_ = method;
  type_ = type;
  metrics_ = metrics;
  started_ = clock_.Monotonic();
  metrics_->Started();
  if (type_ == RpcType::kUnary || type_ == RpcType::kServerStream) {
    metrics_->Sent();
  }
}

void ClientCall::CountSent() {
  if (metrics_ != nullptr) metrics_->Sent();
}

void ClientCall::CountReceived() {
  if (metrics_ != nullptr) metrics_->Received();
}

void ClientCall::Ended(absl::StatusCode code) {
  RpcMethodMetrics* const metrics = std::exchange(metrics_, nullptr);
  if (metrics == nullptr) return;
  const absl::Duration elapsed = clock_.Monotonic() - started_;
  if (code == absl::StatusCode::kOk &&
      (type_ == RpcType::kUnary || type_ == RpcType::kClientStream)) {
    metrics->Received();
  }
  metrics->Handled(code, elapsed);
  if (!LogEnabled(LogLevel::kDebug)) return;
  LogFields fields;
  SetTraceFields(trace_parent_, &fields);
  fields.Set("rpc", method_);
  const LogScope scope(&fields);
  const LogField own[] = {
      {.name = "code", .value = absl::StatusCodeToString(code)},
      {.name = "dur_s",
       .value = absl::StrFormat("%.6f", absl::ToDoubleSeconds(elapsed)),
       .is_number = true}};
  LogWithFields(LogLevel::kDebug, "peer answered", own);
}

absl::Status ClientCall::Finish(const grpc::Status& status) {
  // A server that saw the cancellation first may answer anything.
  const bool cancelled =
      !status.ok() && cancellation_ != nullptr && cancellation_->cancelled();
  absl::Status result =
      cancelled ? cancellation_->Check() : FromPeerStatus(status);
  Ended(result.code());
  return result;
}

}  // namespace cairn
