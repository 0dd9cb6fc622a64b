#include "common/rpc/served_call.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/method_tracker.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"

namespace cairn {
namespace {

constexpr uint32_t kConcluded = 1;
constexpr uint32_t kCancelled = 2;

std::string_view RoleName(CallerRole role) {
  switch (role) {
    case CallerRole::kNone:
      return "none";
    case CallerRole::kClient:
      return "client";
    case CallerRole::kAdmin:
      return "admin";
    case CallerRole::kService:
      return "service";
  }
  return "none";
}

// The W3C traceparent of the call, version 00, or empty.
std::string TraceParent(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("traceparent");
  if (found == context.client_metadata().end()) return "";
  const std::string_view text(found->second.data(), found->second.size());
  if (text.size() != 55 || !text.starts_with("00-")) return "";
  for (size_t i = 3; i < text.size(); ++i) {
    const bool is_dash = i == 35 || i == 52;
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (is_dash ? c != '-' : !is_hex) return "";
  }
  return std::string(text);
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

absl::Status ServedCall::Authorize() {
  const Dispatcher::Dependencies& with = dispatcher_->dependencies_;
  const AuthorizationRow* row = with.authorization->Find(method_);
  if (row == nullptr) {
    return absl::PermissionDeniedError(absl::StrCat(
        "method ", method_, " has no row in the authorization table"));
  }
  call_.caller = with.callers->Resolve(*context_);
  if (call_.caller.kind == CallerKind::kNone ||
      call_.caller.role == CallerRole::kNone) {
    return absl::UnauthenticatedError(absl::StrCat(
        "caller at ", context_->peer(),
        " is not known, allowed are the unix socket, loopback and a client "
        "certificate"));
  }
  if (!row->roles.Contains(call_.caller.role)) {
    return absl::PermissionDeniedError(
        absl::StrCat("caller ", call_.caller.principal, " with role ",
                     RoleName(call_.caller.role), " may not call ", method_));
  }
  return dispatcher_->TakeSlot(*this, row->drain);
}

absl::Status ServedCall::Admit() {
  if (absl::Status status = Authorize(); !status.ok()) return status;
  call_.trace_parent = TraceParent(*context_);
  SetDeadline();
  return absl::OkStatus();
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
  if (call_.trace_parent.empty()) return handler(call_);
  const ScopedLogField trace(
      "trace_id", std::string_view(call_.trace_parent).substr(3, 32));
  return handler(call_);
}

grpc::Status ServedCall::Conclude(absl::Status status) {
  const Dispatcher::Dependencies& with = dispatcher_->dependencies_;
  if (has_timer_) with.unary_executor->Cancel(timer_);
  has_timer_ = false;
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
  if (metrics_ != nullptr) {
    metrics_->Handled(status.code(), with.clock->Monotonic() - started_);
  }
  if (IsOurFault(status.code())) {
    LOG(ERROR) << "call failed method=" << method_
               << " caller=" << call_.caller.principal
               << " status=" << status.ToString();
  }
  grpc::Status result = ToGrpcStatus(status);
  ended_.fetch_or(kConcluded, std::memory_order_release);
  return result;
}

}  // namespace cairn
