#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"
#include "common/time/clock.h"

namespace cairn {

// The client side of one rpc that is made on behalf of a Call: hands on its
// deadline, its trace and its cancellation. Use:
//
//   ClientCall client(call, *clock_, absl::Seconds(30));
//   return client.Finish(stub_->GetSession(client.context(), request, &reply));
//
// With a stream: the cancellation makes Read and Write return false, then
// Finish(stream->Finish()). One thread; `call` and its token outlive it.
class ClientCall {
 public:
  // `timeout`: longest duration; absl::InfiniteDuration() only for streams
  // that carry bulk data, where keepalive finds a dead peer.
  ClientCall(const Call& call, const Clock& clock, absl::Duration timeout);
  ~ClientCall();
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  grpc::ClientContext* context() { return &context_; }

  // The status for the caller of the engine: with reason and retry delay.
  // Cancelled or DeadlineExceeded if the Call itself has ended.
  absl::Status Finish(const grpc::Status& status) const;

 private:
  grpc::ClientContext context_;
  const CancellationToken* const cancellation_;  // may be null
  CancellationToken::CallbackId callback_ = 0;
};

}  // namespace cairn
