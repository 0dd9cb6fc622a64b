#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"

namespace cairn {

// Hands items to an executor so that those that wait at the same time are
// worked on together: for work of which several cost less than one after
// another, such as digests. Nothing waits for a batch to fill: an idle
// executor gets each item at once, a busy one gets up to `max_batch`.
//
// Thread-safe. Items that were added are worked on also if the batcher goes.
// Who adds bounds how many wait.
template <typename Item>
class Batcher {
 public:
  // Gets 1..max_batch items, in the order in which they were added; several
  // calls may run at one time.
  using Work = std::function<void(std::span<Item>)>;

  // `executor` outlives the items and runs every task that it accepted.
  Batcher(Executor* executor, size_t max_batch, Work work)
      : executor_(executor),
        state_(std::make_shared<State>(max_batch, std::move(work))) {}

  // If the executor takes no more tasks the work is done on this thread.
  void Add(Item item) {
    {
      absl::MutexLock lock(&state_->mutex);
      state_->waiting.push_back(std::move(item));
    }
    // One task an item: one that finds nothing left has nothing to do.
    const auto run = [state = state_] { state->RunSome(); };
    if (!executor_->Schedule(run).ok()) run();
  }

 private:
  struct State {
    State(size_t max_batch_in, Work work_in)
        : max_batch(max_batch_in), work(std::move(work_in)) {}

    void RunSome() {
      std::vector<Item> batch;
      {
        absl::MutexLock lock(&mutex);
        while (!waiting.empty() && batch.size() < max_batch) {
          batch.push_back(std::move(waiting.front()));
          waiting.pop_front();
        }
      }
      if (!batch.empty()) work(batch);
    }

    const size_t max_batch;
    const Work work;
    absl::Mutex mutex;
    std::deque<Item> waiting ABSL_GUARDED_BY(mutex);
  };

  Executor* const executor_;
  const std::shared_ptr<State> state_;
};

}  // namespace cairn
