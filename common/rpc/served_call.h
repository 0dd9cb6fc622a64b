#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/log/log_fields.h"
#include "common/metrics/rpc_metrics.h"
#include "common/model/call.h"
#include "common/rpc/access_gate.h"
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

  // Where the message is that says which resources a call is about.
  enum class Request : uint8_t { kGiven, kFirstMessage };
  using Decided = absl::AnyInvocable<void(absl::Status)>;

  // Calls `decided` once, with whether the handler may run: before the return
  // or later on another thread, where the caller's token has to be looked up.
  // Unauthenticated, PermissionDenied: the caller may not. Unavailable
  // (DRAINING): not now and not here. ResourceExhausted: too many calls, with
  // a retry delay. `request` stays as long as the call; null with kGiven: a
  // caller with a scope is refused.
  void Admit(Request where, const google::protobuf::Message* request,
             Decided decided);

  // Whether the handler may have this message of a stream; with the first one
  // of Request::kFirstMessage it is decided. One thread.
  bool AdmitMessage(const google::protobuf::Message& message);

  // Runs `task` on the executor for this kind of call. ResourceExhausted as
  // in Admit.
  absl::Status Schedule(Executor::Task task);

  // For a stream whose peer sends messages, after Admit: ends it as if it was
  // cancelled, with DeadlineExceeded, unless ReadEnded is called in time.
  void AwaitFirstMessage();

  // A message has come, or none will. From any thread.
  void ReadEnded();

  // A message of the client has come, or one for it has left. Thread-safe.
  void CountReceived();
  void CountSent();

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

  AccessGate::Knock Knock() const { return {context_, method_}; }
  // Once the caller is known.
  absl::Status Authorize(const AuthorizationRow& row);
  // Which request the call belongs to: that of the caller, or a new one.
  void BeginTrace();
  void SetDeadline();
  void LogEnd(const absl::Status& status, absl::Duration elapsed);
  // Whether the call counts towards the streams of its principal.
  bool IsClientStream() const {
    return is_stream_ && (call_.caller.role == CallerRole::kBackup ||
                          call_.caller.role == CallerRole::kReader);
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
  const AuthorizationRow* row_ = nullptr;
  // kGiven: of a unary call or a stream to the client.
  const google::protobuf::Message* request_ = nullptr;
  bool request_checked_ = false;
  absl::Status refusal_;  // of the first message; of the handler's thread
  Call call_;
  // trace_id, span_id, rpc, principal, and what the handler adds.
  LogFields log_fields_;
  std::atomic<uint32_t> ended_ = 0;  // bits of kConcluded and kCancelled
  bool slot_taken_ = false;
  bool watched_ = false;         // the dispatcher ends it when it drains
  Executor::TimerId timer_ = 0;  // the deadline's, or of the first message
  bool has_timer_ = false;
};

}  // namespace cairn
