#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/metrics/rpc_metrics.h"
#include "common/model/call.h"
#include "common/time/clock.h"

namespace cairn {

// The client side of one rpc that is made on behalf of a Call: hands on its
// deadline, its trace (as a step of its own) and its cancellation, and counts
// on channels with metrics (ChannelOptions). Use:
//
//   ClientCall client(call, *clock_, absl::Seconds(30));
//   return client.Finish(stub_->GetSession(client.context(), request, &reply));
//
// With a stream: the cancellation makes Read and Write return false, then
// Finish(stream->Finish()); CountSent and CountReceived tell its messages,
// where there may be more than one. One thread at a time; `call` and its token
// outlive it.
class ClientCall {
 public:
  // `timeout`: longest duration; absl::InfiniteDuration() only for streams
  // that carry bulk data, where keepalive finds a dead peer.
  ClientCall(const Call& call, const Clock& clock, absl::Duration timeout);
  ~ClientCall();
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  grpc::ClientContext* context() { return &context_; }

  void CountSent();
  void CountReceived();

  // The status for the caller of the engine: with reason and retry delay.
  // Cancelled or DeadlineExceeded if the Call itself has ended; Cancelled by
  // the server is Unavailable.
  absl::Status Finish(const grpc::Status& status);

 private:
  friend class StartedCalls;

  // gRPC has begun to send `method`, of which `metrics` tells.
  void Started(const char* method, RpcType type, RpcMethodMetrics* metrics);
  void Ended(absl::StatusCode code);

  const Clock& clock_;
  grpc::ClientContext context_;
  const CancellationToken* const cancellation_;  // may be null
  CancellationToken::CallbackId callback_ = 0;
  const std::string trace_parent_;
  // Set by Started, until then null and none.
  std::string method_;
  RpcType type_ = RpcType::kUnary;
  RpcMethodMetrics* metrics_ = nullptr;
  absl::Duration started_;  // monotonic
};

}  // namespace cairn
