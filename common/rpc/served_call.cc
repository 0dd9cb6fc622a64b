#include "common/rpc/served_call.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/method_tracker.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/status/status_macros.h"
#include "common/trace/trace_context.h"

namespace cairn {
namespace {

constexpr uint32_t kConcluded = 1;
constexpr uint32_t kCancelled = 2;

// Untrusted, and empty if there is none.
std::string_view TraceParent(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("traceparent");
  if (found == context.client_metadata().end()) return "";
  return std::string_view(found->second.data(), found->second.size());
}

// Nobody but this process sees these, so they are told here.
bool IsOurFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal ||
         code == absl::StatusCode::kDataLoss ||
         code == absl::StatusCode::kUnknown;
}

}  // namespace

ServedCall::ServedCall(Dispatcher* dispatcher,
                       grpc::CallbackServerContext* context, bool is_stream)
    : dispatcher_(dispatcher),
      context_(context),
      is_stream_(is_stream),
      method_(TrackedMethod(context)),
      started_(dispatcher->dependencies_.clock->Monotonic()),
      token_(std::make_shared<CancellationToken>()),
      ended_by_drain_(std::make_shared<std::atomic<bool>>(false)),
      first_message_(
          std::make_shared<std::atomic<FirstMessage>>(FirstMessage::kAwaited)),
      metrics_(dispatcher->dependencies_.metrics->Find(method_)) {
  call_.cancellation = token_.get();
  dispatcher_->Enter();
  if (metrics_ != nullptr) metrics_->Started();
}

ServedCall::~ServedCall() { dispatcher_->Leave(*this); }

void ServedCall::CheckConcluded() const {
  CHECK((ended_.load(std::memory_order_acquire) & kConcluded) != 0) << method_;
}

void ServedCall::OnCancel() {
  token_->Cancel();
  ended_.fetch_or(kCancelled, std::memory_order_release);
}

void ServedCall::Admit(Request where, const google::protobuf::Message* request,
                       Decided decided) {
  AccessGate& gate = dispatcher_->gate_;
  BeginTrace();
  const absl::StatusOr<const AuthorizationRow*> row = gate.FindRow(Knock());
  if (!row.ok()) return decided(row.status());
  row_ = *row;
  request_ = request;
  request_checked_ = where == Request::kGiven;
  SetDeadline();
  gate.FindCaller(Knock(), *token_,
                  [this, decided = std::move(decided)](
                      absl::StatusOr<Caller> caller) mutable {
                    if (!caller.ok())
                      return decided(std::move(caller).status());
                    call_.caller = *std::move(caller);
                    decided(Authorize(*row_));
                  });
}

absl::Status ServedCall::Authorize(const AuthorizationRow& row) {
  AccessGate& gate = dispatcher_->gate_;
  RETURN_IF_ERROR(gate.CheckRole(Knock(), row, call_.caller));
  // Of a stream its first message tells, unless nothing would.
  if (request_checked_ || row.scope.kind == ScopeRule::Kind::kRefused) {
    RETURN_IF_ERROR(gate.CheckRequest(Knock(), row, call_.caller, request_));
  }
  RETURN_IF_ERROR(dispatcher_->TakeSlot(*this, row.drain));
  // The one message of a caller that sends no stream.
  if (request_checked_) CountReceived();
  return absl::OkStatus();
}

bool ServedCall::AdmitMessage(const google::protobuf::Message& message) {
  if (std::exchange(request_checked_, true)) return refusal_.ok();
  refusal_ =
      dispatcher_->gate_.CheckRequest(Knock(), *row_, call_.caller, &message);
  return refusal_.ok();
}

void ServedCall::BeginTrace() {
  const std::optional<TraceContext> from =
      ParseTraceParent(TraceParent(*context_));
  const TraceContext trace = from.has_value() ? NewSpan(*from) : NewTrace();
  call_.trace_parent = ToTraceParent(trace);
  log_fields_.Set("rpc", method_);
  log_fields_.Set("trace_id", trace.trace_id);
  log_fields_.Set("span_id", trace.span_id);
  if (from.has_value()) log_fields_.Set("parent_span_id", from->span_id);
}

void ServedCall::SetDeadline() {
  const auto deadline = context_->deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    call_.deadline = absl::FromChrono(deadline);
    return;
  }
  if (is_stream_) return;
  // gRPC cancels a call at its client's deadline; here there is none.
  const absl::Duration limit = dispatcher_->options_.default_deadline;
  call_.deadline = dispatcher_->dependencies_.clock->Now() + limit;
  timer_ = dispatcher_->dependencies_.unary_executor->ScheduleAfter(
      limit, [token = token_] { token->Cancel(); });
  has_timer_ = true;
}

void ServedCall::AwaitFirstMessage() {
  const absl::Duration limit = dispatcher_->options_.first_message_timeout;
  if (limit == absl::InfiniteDuration()) return;
  timer_ = dispatcher_->dependencies_.unary_executor->ScheduleAfter(
      limit, [token = token_, first = first_message_] {
        FirstMessage expected = FirstMessage::kAwaited;
        if (first->compare_exchange_strong(expected, FirstMessage::kLate)) {
          token->Cancel();
        }
      });
  has_timer_ = true;
}

void ServedCall::ReadEnded() {
  FirstMessage expected = FirstMessage::kAwaited;
  first_message_->compare_exchange_strong(expected, FirstMessage::kCame);
}

void ServedCall::CountReceived() {
  if (metrics_ != nullptr) metrics_->Received();
}

void ServedCall::CountSent() {
  if (metrics_ != nullptr) metrics_->Sent();
}

absl::Status ServedCall::Schedule(Executor::Task task) {
  const Dispatcher::Dependencies& with = dispatcher_->dependencies_;
  Executor* const executor =
      is_stream_ ? with.stream_executor : with.unary_executor;
  absl::Status status = executor->Schedule(std::move(task));
  if (!absl::IsResourceExhausted(status)) return status;
  return WithRetryDelay(WithContext(status, absl::StrCat("method ", method_)),
                        dispatcher_->options_.overload_retry_delay);
}

absl::Status ServedCall::RunHandler(
    absl::AnyInvocable<absl::Status(const Call&)> handler) {
  // The caller may have gone while the call waited for this thread.
  if (absl::Status status = token_->Check(); !status.ok()) return status;
  log_fields_.Set("principal", call_.caller.principal);
  const LogScope scope(&log_fields_);
  return handler(call_);
}

void ServedCall::LogEnd(const absl::Status& status, absl::Duration elapsed) {
  // A stream lasts as long as what it carries.
  const bool slow = !is_stream_ && elapsed >= dispatcher_->options_.slow_call;
  LogLevel level = LogLevel::kDebug;
  if (slow) level = LogLevel::kInfo;
  if (IsOurFault(status.code())) level = LogLevel::kError;
  if (!LogEnabled(level)) return;
  log_fields_.Set("principal", call_.caller.principal);
  std::vector<LogField> fields = {
      {.name = "code", .value = absl::StatusCodeToString(status.code())},
      {.name = "dur_s",
       .value = absl::StrFormat("%.6f", absl::ToDoubleSeconds(elapsed)),
       .is_number = true}};
  // What is no fault of ours may name what is the user's.
  if (!status.ok() &&
      (level >= LogLevel::kError || LogEnabled(LogLevel::kDebug))) {
    fields.push_back({.name = "err", .value = std::string(status.message())});
  }
  const LogScope scope(&log_fields_);
  LogWithFields(level,
                level == LogLevel::kError ? "call failed"
                : slow                    ? "call was slow"
                                          : "call finished",
                fields);
}

grpc::Status ServedCall::Conclude(absl::Status status) {
  const Dispatcher::Dependencies& with = dispatcher_->dependencies_;
  if (has_timer_) with.unary_executor->Cancel(timer_);
  has_timer_ = false;
  if (!refusal_.ok()) {
    // Whatever the handler makes of a stream that ends before it begins.
    status = refusal_;
  } else if (slot_taken_) {
    dispatcher_->gate_.NoteHandled(Knock(), call_.caller, status);
  }
  if (first_message_->load() == FirstMessage::kLate) {
    // Whatever the handler makes of a stream without a message.
    status = absl::DeadlineExceededError(absl::StrCat(
        "stream ", method_, " was open for ",
        absl::FormatDuration(dispatcher_->options_.first_message_timeout),
        " without a message, send the first one as soon as it is open"));
  } else if (absl::IsCancelled(status)) {
    if (ended_by_drain_->load(std::memory_order_acquire)) {
      status = WithReason(
          absl::UnavailableError("server is draining, watch it elsewhere"),
          reason::kDraining);
    } else if (with.clock->Now() >= call_.deadline) {
      status = absl::DeadlineExceededError(
          absl::StrCat("deadline of ", method_, " has passed"));
    }
  }
  const absl::Duration elapsed = with.clock->Monotonic() - started_;
  if (metrics_ != nullptr) metrics_->Handled(status.code(), elapsed);
  if (!is_stream_ && status.ok()) CountSent();
  LogEnd(status, elapsed);
  grpc::Status result = ToGrpcStatus(status);
  ended_.fetch_or(kConcluded, std::memory_order_release);
  return result;
}

}  // namespace cairn
