#include "tests/simulator/network.h"

#include <algorithm>

namespace cairn::simulator {
namespace {

// How long a caller without a deadline waits for what is lost: its connection
// is found dead.
constexpr absl::Duration kLongestWait = absl::Minutes(20);

}  // namespace

void Network::Deliver(const std::shared_ptr<Exchange>& exchange,
                      const std::string& what, std::function<void()> handler) {
  scheduler_->At(scheduler_->now() + scheduler_->DrawDelay(),
                 [this, exchange, what, handler = std::move(handler)] {
                   Process* const to = exchange->to;
                   if (!to->serves() || to->life() != exchange->life) {
                     exchange->broken = true;
                     scheduler_->Wake(exchange->caller);
                     return;
                   }
                   scheduler_->Spawn(to, what, [handler] { handler(); });
                 });
}

absl::Status Network::Await(Process* from, Exchange& exchange,
                            const Call& call) {
  const absl::Duration patience =
      std::min(kLongestWait, call.deadline - scheduler_->clock().Now());
  const absl::Duration until = scheduler_->now() + patience;
  CancellationToken::CallbackId callback = 0;
  if (call.cancellation != nullptr) {
    callback = call.cancellation->AddCallback(
        [this, task = exchange.caller] { scheduler_->Wake(task); });
  }
  waiting_.push_back(&exchange);
  const auto is_cancelled = [&call] {
    return call.cancellation != nullptr && call.cancellation->cancelled();
  };
  bool in_time = true;
  while (!exchange.answered && !exchange.broken && !is_cancelled() &&
         !from->dying() && in_time) {
    in_time = scheduler_->Wait(until);
  }
  waiting_.remove(&exchange);
  if (callback != 0) call.cancellation->RemoveCallback(callback);
  // Whoever dies hears no answer.
  if (from->dying()) return absl::UnavailableError("the caller is dead");
  if (exchange.answered) return absl::OkStatus();
  if (exchange.broken) return absl::UnavailableError("connection refused");
  if (is_cancelled()) return absl::CancelledError("the call was cancelled");
  // A lost message looks like this one way or the other.
  if (call.deadline < absl::InfiniteFuture()) {
    return absl::DeadlineExceededError("no answer in time");
  }
  return absl::UnavailableError("connection lost");
}

void Network::TellThatCallerWent(const std::shared_ptr<Exchange>& exchange) {
  if (scheduler_->Chance(weather_.silent)) return;
  if (exchange->to->life() != exchange->life) return;
  Tell(exchange->to, "cancel", [exchange] { exchange->stop.Cancel(); });
}

void Network::Tell(Process* to, const std::string& what,
                   std::function<void()> event) {
  scheduler_->At(scheduler_->now() + scheduler_->DrawDelay(),
                 [this, to, what, life = to->life(), event = std::move(event)] {
                   if (!to->serves() || to->life() != life) return;
                   scheduler_->Spawn(to, what, [event] { event(); });
                 });
}

void Network::Lose(const std::shared_ptr<Exchange>& exchange) {
  if (scheduler_->Chance(0.2)) return;
  scheduler_->At(scheduler_->now() + scheduler_->DrawDelay(), [this, exchange] {
    exchange->broken = true;
    scheduler_->Wake(exchange->caller);
  });
}

void Network::Break(Process* to) {
  for (Exchange* const exchange : waiting_) {
    if (exchange->to != to) continue;
    exchange->broken = true;
    scheduler_->Wake(exchange->caller);
  }
}

void Network::Say(const Process* from, const Exchange& exchange,
                  const std::string& what, const absl::Status& status) {
  Trace& trace = scheduler_->trace();
  trace.Add(scheduler_->now(),
            absl::StrCat(from->name(), " -> ", exchange.to->name(), " ", what,
                         " ", absl::StatusCodeToString(status.code())),
            trace.keeps() ? status.message() : "");
}

}  // namespace cairn::simulator
