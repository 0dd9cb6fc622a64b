#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/time/clock.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/engine/task_registry.h"
#include "services/maintenance/metrics.h"

namespace cairn::maintenance {

// Runs tasks: each on a thread of an executor from its start to its end, one
// of a kind at a time on a datastore. Thread-safe.
class TaskRunner {
 public:
  // Does a task's work and gives its encoded result.
  using Work = std::function<absl::StatusOr<std::string>(const Task& task,
                                                         RunControl& control)>;
  struct Options {
    // Each holds a thread of the executor.
    size_t max_running = 8;
  };
  // All outlive the runner. `executor` runs at least max_running tasks side by
  // side, which take as long as tasks take.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    TaskRegistry* tasks = nullptr;
    MaintenanceMetrics* metrics = nullptr;
    Work work;
  };

  // Shows by the metrics what succeeded before.
  TaskRunner(const Options& options, const Dependencies& dependencies);
  // As Stop.
  ~TaskRunner();

  // Durable before the answer; does not wait for the run. A repetition, by
  // request id, finds its task. FailedPrecondition (TASK_RUNNING) names the
  // task of this kind that runs; ResourceExhausted (LIMIT_EXCEEDED): too many
  // run; Unavailable (DRAINING): the process is about to end. Else as
  // TaskRegistry::Create.
  absl::StatusOr<StartedTask> Start(const TaskRequest& request);

  // Nothing is started from now on, and what runs stops at its next step,
  // without an end: the next start of the process finds it interrupted. Does
  // not wait. Idempotent.
  void Drain();
  // The same, and waits until nothing runs. Not to be called from a task.
  void Stop();

  size_t running() const;

 private:
  using Key = std::pair<std::string, TaskKind>;  // datastore
  struct Running {
    Uuid id;
    std::shared_ptr<CancellationToken> stop;
  };

  absl::Status CheckRoom(const Key& key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunTask(const Key& key, const Running& running);
  void RunBegun(const Task& task, TaskRun run, const Running& running);
  void Leave(const Key& key);

  const Options options_;
  const Dependencies dependencies_;

  mutable absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<Key, Running> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::maintenance
