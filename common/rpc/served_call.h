#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/metrics/rpc_metrics.h"
#include "common/model/call.h"
#include "common/rpc/authorization_table.h"

namespace cairn {

class Dispatcher;

// What every call has, whatever its shape: who makes it, whether it may, how
// it is cancelled, and how its end is told. A part of the dispatcher; owned
// by the call's reactor, which outlives the handler.
class ServedCall {
 public:
  ServedCall(Dispatcher* dispatcher, grpc::CallbackServerContext* context,
             bool is_stream);
  ~ServedCall();
  ServedCall(const ServedCall&) = delete;
  ServedCall& operator=(const ServedCall&) = delete;

  // OK: the handler may run. Unauthenticated, PermissionDenied: the caller
  // may not. Unavailable (DRAINING): not now and not here.
  // ResourceExhausted: too many calls, with a retry delay.
  absl::Status Admit();

  // Runs `task` on the executor for this kind of call. ResourceExhausted as
  // in Admit.
  absl::Status Schedule(Executor::Task task);

  // For a stream whose peer sends messages, after Admit: ends it as if it was
  // cancelled, with DeadlineExceeded, unless ReadEnded is called in time.
  void AwaitFirstMessage();

  // A message has come, or none will. From any thread.
  void ReadEnded();

  // Runs `handler` unless the call has ended while it waited; on the
  // executor's thread.
  absl::Status RunHandler(
      absl::AnyInvocable<absl::Status(const Call&)> handler);

  // The status to send: counted, logged where nobody else does, and turned
  // into what the caller must know if the call was ended from outside. Once,
  // right before the reactor's Finish.
  grpc::Status Conclude(absl::Status status);

  // First step of deleting the call: Conclude and OnCancel, and what came
  // before them on their threads, come before the return.
  void CheckConcluded() const;

  // Ends the call from the server's side, as if the peer had cancelled.
  void TryCancel() { context_->TryCancel(); }

  const CancellationToken& token() const { return *token_; }

  // The peer has gone, or the deadline of the call has passed.
  void OnCancel();

 private:
  friend class Dispatcher;

  // Of the first message of a stream.
  enum class FirstMessage : uint8_t { kAwaited, kCame, kLate };

  absl::Status Authorize();
  void SetDeadline();
  // Whether the call counts towards the streams of its principal.
  bool IsClientStream() const {
    return is_stream_ && call_.caller.role == CallerRole::kClient;
  }

  Dispatcher* const dispatcher_;
  grpc::CallbackServerContext* const context_;
  const bool is_stream_;
  const std::string method_;
  const absl::Duration started_;  // monotonic
  // Shared, because timers and the drain may cancel while the call ends.
  const std::shared_ptr<CancellationToken> token_;
  const std::shared_ptr<std::atomic<bool>> ended_by_drain_;
  const std::shared_ptr<std::atomic<FirstMessage>> first_message_;
  RpcMethodMetrics* const metrics_;  // null: unknown method
  Call call_;
  std::atomic<uint32_t> ended_ = 0;  // bits of kConcluded and kCancelled
  bool slot_taken_ = false;
  bool watched_ = false;         // the dispatcher ends it when it drains
  Executor::TimerId timer_ = 0;  // the deadline's, or of the first message
  bool has_timer_ = false;
};

}  // namespace cairn
