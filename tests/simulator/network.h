#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"
#include "tests/simulator/process.h"
#include "tests/simulator/scheduler.h"

namespace cairn::simulator {

// How badly messages fare, drawn anew for every run.
struct Weather {
  double lose_request = 0.005;
  double lose_answer = 0.005;
  double repeat = 0.01;  // the request is handled again, later
  // A caller that goes is not told to the one that is called.
  double silent = 0.3;
};

// Calls between processes: each takes its time both ways, some are lost, some
// arrive twice, and later ones may pass earlier ones. A call belongs to a
// connection, which ends with the life of the one that is called: no request
// reaches a later life.
class Network {
 public:
  explicit Network(Scheduler* scheduler) : scheduler_(scheduler) {}

  Weather& weather() { return weather_; }

  // Calls `to`, where `handle` runs in a task of its own, perhaps after the
  // caller has gone, and perhaps twice: it holds all that it needs by value.
  // R is absl::Status or an absl::StatusOr.
  // A call that is part of a stream is not repeated.
  template <typename R>
  R Ask(Process* from, Process* to, const std::string& what, const Call& call,
        std::function<R(const Call&)> handle, bool may_repeat = true);
  // Runs `event` in a task of `to` later, if that still lives then as now.
  void Tell(Process* to, const std::string& what, std::function<void()> event);

  // Callers of what has died learn of it.
  void Break(Process* to);

 private:
  // One call while its caller waits.
  struct Exchange {
    Process* to = nullptr;
    uint64_t life = 0;
    uint64_t caller = 0;  // task
    bool broken = false;
    bool answered = false;
    CancellationToken stop;
  };
  template <typename R>
  struct Answered : Exchange {
    std::optional<R> answer;
  };

  static const absl::Status& StatusOf(const absl::Status& status) {
    return status;
  }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
    return result.status();
  }

  // Waits for the answer; why there is none, or OK.
  absl::Status Await(Process* from, Exchange& exchange, const Call& call);
  void TellThatCallerWent(const std::shared_ptr<Exchange>& exchange);
  // Runs `handler` in `to` when the request has arrived, if it lives as ever.
  void Deliver(const std::shared_ptr<Exchange>& exchange,
               const std::string& what, std::function<void()> handler);
  // The connection of the caller breaks, or it waits in vain.
  void Lose(const std::shared_ptr<Exchange>& exchange);
  void Say(const Process* from, const Exchange& exchange,
           const std::string& what, const absl::Status& status);

  Scheduler* const scheduler_;
  Weather weather_;
  std::list<Exchange*> waiting_;
};

template <typename R>
R Network::Ask(Process* from, Process* to, const std::string& what,
               const Call& call, std::function<R(const Call&)> handle,
               bool may_repeat) {
  if (from->dying()) return absl::UnavailableError("the caller is dead");
  const auto exchange = std::make_shared<Answered<R>>();
  exchange->to = to;
  exchange->life = to->life();
  exchange->caller = scheduler_->current()->id;
  const bool is_lost = scheduler_->Chance(weather_.lose_answer);
  const auto handler = [exchange, is_lost, handle, kept = call] {
    Call own = kept;
    own.cancellation = &exchange->stop;
    R answer = handle(own);
    if (exchange->answered || is_lost) return;
    exchange->answered = true;
    exchange->answer.emplace(std::move(answer));
    exchange->to->scheduler().Wake(exchange->caller);
  };
  const bool is_sent = !scheduler_->Chance(weather_.lose_request);
  // The connection may break at any time of the call.
  if (is_lost || !is_sent) Lose(exchange);
  if (is_sent) {
    Deliver(exchange, what, handler);
    if (may_repeat && scheduler_->Chance(weather_.repeat)) {
      Deliver(exchange, what, handler);
    }
  }
  const absl::Status status = Await(from, *exchange, call);
  if (!status.ok()) TellThatCallerWent(exchange);
  R result = status.ok() ? *std::move(exchange->answer) : R(status);
  Say(from, *exchange, what, StatusOf(result));
  return result;
}

}  // namespace cairn::simulator
