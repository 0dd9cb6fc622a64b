#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/time/clock.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/domain/task_table.h"
#include "services/maintenance/engine/task_ledger.h"
#include "services/maintenance/engine/task_run.h"
#include "services/maintenance/storage/task_store.h"

namespace cairn::maintenance {

// The task that a start led to.
struct StartedTask {
  Task task;
  bool attached = false;  // it was there: the start is a repetition
};

// A task at one moment, for those who watch it.
struct TaskUpdate {
  Task task;                       // without options and result
  uint64_t version = 0;            // grows with every change
  uint64_t last_log_sequence = 0;  // what there is to read of the log
};

// The tasks of maintenance: starts them durably, shows them, ends them. It
// does not run them: who created a task begins it, with the TaskRun that Begin
// gives. A restart makes what had not ended interrupted. What has ended is
// kept within the bounds of TaskRetention. Thread-safe; starts no threads.
class TaskRegistry {
 public:
  struct Options {
    // Of one datastore, queued, running and paused: what somebody has to work
    // on is held in memory.
    size_t max_active = 64;
    // Who waits for a change holds a thread.
    size_t max_watchers = 256;
    // Rows of progress are written for people who look after a crash.
    absl::Duration progress_period = absl::Seconds(1);
    TaskRetention retention;
  };
  // All outlive the registry.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    TaskStore* store = nullptr;
    // Told by Open of each task that a restart has interrupted. May be empty.
    std::function<void(TaskKind)> on_interrupted = nullptr;
  };

  // Takes over what is durable. `draw_id` draws random ids, one call at a
  // time. DataLoss: a row that cannot be read.
  static absl::StatusOr<std::unique_ptr<TaskRegistry>> Open(
      const Options& options, const Dependencies& dependencies,
      absl::AnyInvocable<Uuid()> draw_id);

  // Makes a queued task, durable before the answer. A known request id leads
  // to its task, whatever its state, if kind and options are the same.
  // InvalidArgument: the request breaks a bound, or that id is another start's.
  // ResourceExhausted (LIMIT_EXCEEDED): too many tasks are active.
  absl::StatusOr<StartedTask> Create(TaskRequest request);

  // Whether a start under this request id is a repetition.
  bool IsKnown(const std::string& datastore,
               const std::string& request_id) const;

  // Takes up a queued task. FailedPrecondition: it is not queued (any more).
  absl::StatusOr<TaskRun> Begin(const std::string& datastore, const Uuid& id);

  // Whole, with options and result. NotFound.
  absl::StatusOr<Task> Get(const std::string& datastore, const Uuid& id) const;
  // The newest first, without options and results. A page may hold fewer than
  // asked for, even none, and still name a next one.
  absl::StatusOr<ListPage<Task>> List(const TaskQuery& query,
                                      const PageRequest& request) const;
  // At most `limit` lines (1..1000) after line `after`. NotFound.
  absl::StatusOr<std::vector<LogLine>> ReadLog(const std::string& datastore,
                                               const Uuid& id, uint64_t after,
                                               size_t limit) const;

  // Waits for a version other than `known_version` (0: answers at once; so
  // does a version of a former process). NotFound: the task is not there (any
  // more). DeadlineExceeded, Cancelled: as `call` says. ResourceExhausted
  // (LIMIT_EXCEEDED): too many watch.
  absl::StatusOr<TaskUpdate> Watch(const Call& call,
                                   const std::string& datastore, const Uuid& id,
                                   uint64_t known_version);
  // Waits until the task has ended or is not there (any more), or `time` is
  // over. Cancelled: as `call` says.
  absl::Status AwaitEnd(const Call& call, const Uuid& id, absl::Duration time);

  // Asks for the end of a task; a queued one has ended with this, others when
  // their run notices. Idempotent. FailedPrecondition: it has ended.
  absl::Status Cancel(const Call& call, const std::string& datastore,
                      const Uuid& id);
  // Lets a running task stand still where it may, and go on. Idempotent.
  // FailedPrecondition: it is not running, or not paused.
  absl::Status Pause(const Call& call, const std::string& datastore,
                     const Uuid& id);
  absl::Status Resume(const Call& call, const std::string& datastore,
                      const Uuid& id);

  // A task of the job that has not ended.
  std::optional<Uuid> FindActiveOfJob(const std::string& datastore,
                                      std::string_view job) const;

  // When a task of this kind last succeeded, by datastore and kind, of those
  // that are kept.
  std::map<std::pair<std::string, TaskKind>, absl::Time> LastSuccesses() const;

  // Drops what is over its age. What is over the number goes by itself.
  absl::Status DropOld();

 private:
  friend class TaskRun;
  using Entry = TaskTable::Entry;

  // What is known of an active task besides its row.
  struct Activity {
    std::shared_ptr<CancellationToken> cancellation =
        std::make_shared<CancellationToken>();
    bool cancelled = false;
    absl::Duration next_row_time;  // monotonic; before, progress waits
  };

  TaskRegistry(const Options& options, const Dependencies& dependencies,
               absl::AnyInvocable<Uuid()> draw_id);

  // For TaskRun.
  absl::Status Report(const Uuid& id, std::string_view phase,
                      std::vector<TaskCounter> counters);
  absl::Status Log(const Uuid& id, LogLevel level, std::string_view text);
  absl::Status WaitWhilePaused(const Uuid& id);
  absl::Status Finish(const Uuid& id, const absl::Status& status,
                      std::string result);

  absl::StatusOr<StartedTask> Attach(const Entry& known,
                                     const TaskRequest& wanted) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status End(Entry& entry, Task ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs `wait` with a flag, guarded by the lock, that the call's end sets.
  absl::Status WhileWanted(
      const Call& call,
      absl::FunctionRef<absl::Status(const bool& cancelled)> wait);
  absl::StatusOr<TaskUpdate> AwaitUpdate(const Call& call,
                                         const std::string& datastore,
                                         const Uuid& id, uint64_t known_version,
                                         const bool& cancelled);
  absl::Status SetState(const Call& call, const std::string& datastore,
                        const Uuid& id, TaskState state);

  const Options options_;
  const Dependencies dependencies_;

  mutable absl::Mutex mutex_;
  absl::AnyInvocable<Uuid()> draw_id_ ABSL_GUARDED_BY(mutex_);
  TaskLedger ledger_ ABSL_GUARDED_BY(mutex_);
  std::map<Uuid, Activity> active_ ABSL_GUARDED_BY(mutex_);
  size_t watchers_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn::maintenance
