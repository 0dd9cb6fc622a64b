#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/concurrency/cancellation.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/task_rules.h"

namespace cairn::maintenance {

class TaskRegistry;

// One task as whoever works on it sees it; made by TaskRegistry::Begin. A run
// that goes without a result has failed. Movable; for one thread, but for
// cancellation(). Does not outlive its registry.
class TaskRun {
 public:
  TaskRun(TaskRun&& other) noexcept;
  TaskRun& operator=(TaskRun&&) = delete;
  ~TaskRun();

  const Uuid& id() const { return id_; }
  // Cancelled when somebody asks for the task's end.
  const CancellationToken* cancellation() const { return cancellation_.get(); }

  // What is shown of the progress: cut to the bounds of Task, made durable at
  // most once a second and without a sync. For every step of the run.
  // InvalidArgument: the counters are too many or named badly.
  absl::Status Report(std::string_view phase,
                      std::vector<TaskCounter> counters);
  // Adds a line to the log, cut to its bounds.
  absl::Status Log(LogLevel level, std::string_view text);

  // Waits while the task is paused; to be called where the run may stand
  // still. Cancelled: the task was cancelled, before or meanwhile.
  absl::Status WaitWhilePaused();

  // Ends the task, durably: OK is success, Cancelled after a cancel is
  // cancelled, all else failure. `result` is opaque; above 1 MiB it is left
  // out, with a line in the log. Call it once, last.
  absl::Status Finish(const absl::Status& status, std::string result);

  // Lets go of the task without an end: the process ends, and its next start
  // finds the task interrupted. In place of Finish.
  void Abandon() { registry_ = nullptr; }

 private:
  friend class TaskRegistry;
  TaskRun(TaskRegistry* registry, const Uuid& id,
          std::shared_ptr<const CancellationToken> cancellation)
      : registry_(registry), id_(id), cancellation_(std::move(cancellation)) {}

  TaskRegistry* registry_;  // null: finished, or moved from
  Uuid id_;
  std::shared_ptr<const CancellationToken> cancellation_;
};

}  // namespace cairn::maintenance
