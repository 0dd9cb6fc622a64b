#include "common/rpc/dispatcher.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"

namespace cairn {
namespace {

// One unary call. The handler's thread finishes it; OnDone, after the last
// callback, is the only delete.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(std::unique_ptr<ServedCall> served, Dispatcher::Handler handler)
      : served_(std::move(served)), handler_(std::move(handler)) {}
  ~UnaryCall() override { served_->CheckConcluded(); }

  void Start(const google::protobuf::Message* request) {
    served_->Admit(ServedCall::Request::kGiven, request,
                   [this](absl::Status status) { Admitted(status); });
  }

 private:
  void Admitted(absl::Status status) {
    if (status.ok()) status = served_->Schedule([this] { Run(); });
    if (!status.ok()) Finish(served_->Conclude(std::move(status)));
  }
  void Run() {
    Dispatcher::Handler handler = std::move(handler_);
    absl::Status status = served_->RunHandler(std::move(handler));
    Finish(served_->Conclude(std::move(status)));
  }
  void OnCancel() override { served_->OnCancel(); }
  void OnDone() override { delete this; }

  const std::unique_ptr<ServedCall> served_;
  Dispatcher::Handler handler_;
};

}  // namespace

Dispatcher::Dispatcher(const Options& options, const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      gate_({.max_token_lookups = options.max_token_lookups,
             .token_timeout = options.token_timeout,
             .retry_delay = options.overload_retry_delay},
            {.callers = dependencies.callers,
             .authorization = dependencies.authorization,
             .failures = dependencies.failures,
             .timers = dependencies.unary_executor}),
      limits_{.max_unary_calls = options.max_unary_calls,
              .max_streams = options.max_streams,
              .max_streams_per_client = options.max_streams_per_client} {}

Dispatcher::~Dispatcher() { AwaitIdle(absl::InfiniteDuration()); }

grpc::ServerUnaryReactor* Dispatcher::Serve(
    grpc::CallbackServerContext* context,
    const google::protobuf::Message* request, Handler handler) {
  auto* call = new UnaryCall(
      std::make_unique<ServedCall>(this, context, /*is_stream=*/false),
      std::move(handler));
  call->Start(request);
  return call;
}

void Dispatcher::SetLimits(const Limits& limits) {
  absl::MutexLock lock(&mutex_);
  limits_ = limits;
}

void Dispatcher::Drain() {
  std::vector<Watch> watches;
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    watches.reserve(watches_.size());
    for (const auto& [call, watch] : watches_) watches.push_back(watch);
  }
  for (const Watch& watch : watches) {
    watch.ended_by_drain->store(true, std::memory_order_release);
    watch.token->Cancel();
  }
}

bool Dispatcher::AwaitIdle(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return calls_ == 0;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

int Dispatcher::calls_in_flight() const {
  absl::MutexLock lock(&mutex_);
  return calls_;
}

void Dispatcher::Enter() {
  dependencies_.metrics->CallBegins();
  absl::MutexLock lock(&mutex_);
  ++calls_;
}

void Dispatcher::Leave(const ServedCall& call) {
  dependencies_.metrics->CallEnds();
  absl::MutexLock lock(&mutex_);
  if (call.watched_) watches_.erase(&call);
  if (call.slot_taken_) --(call.is_stream_ ? stream_slots_ : unary_slots_);
  if (call.slot_taken_ && call.IsClientStream()) {
    const auto held = client_stream_slots_.find(call.call_.caller.principal);
    if (--held->second == 0) client_stream_slots_.erase(held);
  }
  --calls_;
}

absl::Status Dispatcher::TakeSlot(ServedCall& call, DrainRule drain) {
  absl::MutexLock lock(&mutex_);
  if (draining_ && drain != DrainRule::kAllow) {
    return WithReason(
        absl::UnavailableError(absl::StrCat(
            "server is draining, ", call.method_, " starts no new work here")),
        reason::kDraining);
  }
  if (absl::Status status = CheckSlots(call); !status.ok()) {
    return WithRetryDelay(WithReason(std::move(status), reason::kLimitExceeded),
                          options_.overload_retry_delay);
  }
  ++(call.is_stream_ ? stream_slots_ : unary_slots_);
  if (call.IsClientStream()) {
    ++client_stream_slots_[call.call_.caller.principal];
  }
  call.slot_taken_ = true;
  if (drain == DrainRule::kEnd) {
    watches_[&call] = {call.token_, call.ended_by_drain_};
    call.watched_ = true;
  }
  return absl::OkStatus();
}

absl::Status Dispatcher::CheckSlots(const ServedCall& call) const {
  const int used = call.is_stream_ ? stream_slots_ : unary_slots_;
  const int limit =
      call.is_stream_ ? limits_.max_streams : limits_.max_unary_calls;
  if (used >= limit) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "server has ", used, call.is_stream_ ? " streams" : " unary calls",
        " in flight, allowed are ", limit, ", retry later"));
  }
  if (!call.IsClientStream()) return absl::OkStatus();
  const std::string& principal = call.call_.caller.principal;
  const auto held = client_stream_slots_.find(principal);
  if (held == client_stream_slots_.end() ||
      held->second < limits_.max_streams_per_client) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "client ", principal, " has ", held->second,
      " streams open on this server, allowed are ",
      limits_.max_streams_per_client,
      " of one client, end one of them or open fewer at one time"));
}

}  // namespace cairn
