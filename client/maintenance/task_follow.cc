#include "client/maintenance/task_follow.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::Task;
using maintenance::v1::TaskLogLine;
using maintenance::v1::WatchTaskRequest;
using maintenance::v1::WatchTaskResponse;

class Follower {
 public:
  Follower(const std::string& name, uint64_t after_log_sequence,
           RetryBudget& budget, const TaskListener& listener)
      : name_(name),
        sequence_(after_log_sequence),
        budget_(budget),
        listener_(listener) {}

  // Reads one stream to its end. OK if the task has ended by then.
  absl::Status Read(MaintenanceRemote& remote) {
    WatchTaskRequest request;
    request.set_name(name_);
    request.set_after_log_sequence(sequence_);
    const std::unique_ptr<TaskStream> stream = remote.StartWatch(request);
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<WatchTaskResponse> message,
                       stream->Next());
      if (!message.has_value()) break;
      budget_.Progress();
      Take(*message);
    }
    if (task_.has_value() && HasEnded(*task_)) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("the server stopped telling of ", name_));
  }

  Task TakeTask() { return *std::move(task_); }

 private:
  void Take(const WatchTaskResponse& message) {
    for (const TaskLogLine& line : message.lines()) {
      if (line.sequence() <= sequence_) continue;
      sequence_ = line.sequence();
      if (listener_.line) listener_.line(line);
    }
    if (!message.has_task()) return;
    // The last message is what is so, whatever its version: a server that was
    // restarted counts them anew.
    task_ = message.task();
    if (listener_.task) listener_.task(*task_);
  }

  const std::string& name_;
  uint64_t sequence_;  // of the last line that was told
  RetryBudget& budget_;
  const TaskListener& listener_;
  std::optional<Task> task_;
};

}  // namespace

bool HasEnded(const Task& task) {
  switch (task.state()) {
    case maintenance::v1::TASK_STATE_SUCCEEDED:
    case maintenance::v1::TASK_STATE_FAILED:
    case maintenance::v1::TASK_STATE_CANCELLED:
    case maintenance::v1::TASK_STATE_INTERRUPTED:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<Task> FollowTask(const std::string& name,
                                uint64_t after_log_sequence,
                                MaintenanceRemote& remote, RetryBudget& budget,
                                const TaskListener& listener) {
  Follower follower(name, after_log_sequence, budget, listener);
  while (true) {
    const absl::Status read = follower.Read(remote);
    if (read.ok()) return follower.TakeTask();
    RETURN_IF_ERROR(budget.WaitAfter(read));
  }
}

}  // namespace cairn::client
