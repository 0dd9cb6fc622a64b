#include "common/rpc/client_call.h"

#include <algorithm>

#include "common/rpc/status_conversion.h"

namespace cairn {

ClientCall::ClientCall(const Call& call, const Clock& clock,
                       absl::Duration timeout)
    : cancellation_(call.cancellation) {
  const absl::Time deadline = std::min(call.deadline, clock.Now() + timeout);
  if (deadline != absl::InfiniteFuture()) {
    context_.set_deadline(absl::ToChronoTime(deadline));
  }
  if (!call.trace_parent.empty()) {
    context_.AddMetadata("traceparent", call.trace_parent);
  }
  if (cancellation_ != nullptr) {
    callback_ = cancellation_->AddCallback([this] { context_.TryCancel(); });
  }
}

ClientCall::~ClientCall() {
  if (cancellation_ != nullptr) cancellation_->RemoveCallback(callback_);
}

absl::Status ClientCall::Finish(const grpc::Status& status) const {
  // A server that saw the cancellation first may answer anything.
  if (!status.ok() && cancellation_ != nullptr && cancellation_->cancelled()) {
    return cancellation_->Check();
  }
  return FromGrpcStatus(status);
}

}  // namespace cairn
