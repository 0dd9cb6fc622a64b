#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"

namespace cairn::client {

// What a task on an executor will return. The task holds all that it works
// on, so the result may go before the task has run. One thread uses it.
template <typename T>
class TaskResult {
 public:
  TaskResult() = default;

  // Runs `task` soon; at once, on this thread, if the executor takes no more.
  // `executor` runs every task that it accepted.
  static TaskResult Start(Executor* executor, absl::AnyInvocable<T()> task) {
    auto [result, promise] = Pending();
    auto shared = std::make_shared<absl::AnyInvocable<T()>>(std::move(task));
    const auto run = [promise = promise, shared] { promise.Set((*shared)()); };
    if (!executor->Schedule(run).ok()) run();
    return std::move(result);
  }

  // Of a value that is there already.
  static TaskResult Of(T value) {
    auto [result, promise] = Pending();
    promise.Set(std::move(value));
    return result;
  }

  // Gives the value, once, from any thread.
  class Promise;
  // Of a value that the promise will be given.
  static std::pair<TaskResult, Promise> Pending() {
    TaskResult result;
    result.state_ = std::make_shared<State>();
    Promise promise(result.state_);
    return {std::move(result), std::move(promise)};
  }

  bool ready() const {
    absl::MutexLock lock(&state_->mutex);
    return state_->value.has_value();
  }

  // Waits for the value and gives it away, once.
  T Take() {
    absl::MutexLock lock(&state_->mutex);
    state_->mutex.Await(absl::Condition(
        +[](std::optional<T>* value) { return value->has_value(); },
        &state_->value));
    return *std::exchange(state_->value, std::nullopt);
  }

 private:
  struct State {
    absl::Mutex mutex;
    std::optional<T> value ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<State> state_;
};

template <typename T>
class TaskResult<T>::Promise {
 public:
  void Set(T value) const {
    absl::MutexLock lock(&state_->mutex);
    state_->value = std::move(value);
  }

 private:
  friend class TaskResult;
  explicit Promise(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace cairn::client
