#include "services/maintenance/domain/task_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/text_rules.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kMinJobIdLength = 3;
constexpr size_t kMaxJobIdLength = 32;

absl::Status CheckTimes(const Task& task) {
  if (HasEnded(task.state) != task.end_time.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("task is ", TaskStateName(task.state), " but has ",
                     task.end_time.has_value() ? "an" : "no", " end"));
  }
  const bool was_begun =
      task.state == TaskState::kRunning || task.state == TaskState::kPaused;
  if (was_begun && !task.start_time.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "task is ", TaskStateName(task.state), " but has no start"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view TaskKindName(TaskKind kind) {
  switch (kind) {
    case TaskKind::kPrune:
      return "prune";
    case TaskKind::kGc:
      return "gc";
    case TaskKind::kVerify:
      return "verify";
    case TaskKind::kForget:
      return "forget";
  }
  return "unknown";
}

std::string_view TaskStateName(TaskState state) {
  switch (state) {
    case TaskState::kQueued:
      return "queued";
    case TaskState::kRunning:
      return "running";
    case TaskState::kPaused:
      return "paused";
    case TaskState::kSucceeded:
      return "succeeded";
    case TaskState::kFailed:
      return "failed";
    case TaskState::kCancelled:
      return "cancelled";
    case TaskState::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

std::string DescribeEnd(const Task& task) {
  if (task.status.ok()) return std::string(TaskStateName(task.state));
  return absl::StrCat(TaskStateName(task.state), ": ", task.status.message());
}

bool HasEnded(TaskState state) {
  switch (state) {
    case TaskState::kQueued:
    case TaskState::kRunning:
    case TaskState::kPaused:
      return false;
    case TaskState::kSucceeded:
    case TaskState::kFailed:
    case TaskState::kCancelled:
    case TaskState::kInterrupted:
      break;
  }
  return true;
}

absl::Status ValidateJobId(std::string_view id) {
  RETURN_IF_ERROR(ValidateComponent("job id", id, kMaxJobIdLength));
  if (id.size() >= kMinJobIdLength) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("job id \"", id, "\" is ", id.size(), " characters long, ",
                   kMinJobIdLength, "..", kMaxJobIdLength, " are allowed"));
}

absl::Status ValidateTaskRequest(const TaskRequest& request) {
  RETURN_IF_ERROR(
      CheckText("request id", request.request_id, 1, kMaxRequestIdLength));
  if (TaskKindName(request.kind) == "unknown") {
    return absl::InvalidArgumentError(
        absl::StrCat("kind is ", static_cast<int>(request.kind),
                     ", which is no kind of a task"));
  }
  RETURN_IF_ERROR(ValidateDatastoreId(request.datastore));
  if (!request.job.empty()) RETURN_IF_ERROR(ValidateJobId(request.job));
  RETURN_IF_ERROR(
      CheckText("principal", request.principal, 0, kMaxPrincipalLength));
  return CheckSize("options", request.options.size(), kMaxOptionsBytes);
}

absl::Status ValidateCounters(const std::vector<TaskCounter>& counters) {
  if (counters.size() > kMaxCounters) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", counters.size(), " counters, at most ",
                     kMaxCounters, " are allowed"));
  }
  std::set<std::string_view> names;
  for (const TaskCounter& counter : counters) {
    RETURN_IF_ERROR(
        CheckText("name of a counter", counter.name, 1, kMaxCounterNameLength));
    if (!names.insert(counter.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("counter \"", counter.name, "\" is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateTask(const Task& task) {
  if (task.id.is_zero()) {
    return absl::InvalidArgumentError("task id is all zero");
  }
  RETURN_IF_ERROR(ValidateTaskRequest(task.request));
  if (TaskStateName(task.state) == "unknown") {
    return absl::InvalidArgumentError(
        absl::StrCat("state is ", static_cast<int>(task.state),
                     ", which is no state of a task"));
  }
  RETURN_IF_ERROR(CheckTimes(task));
  RETURN_IF_ERROR(CheckText("phase", task.phase, 0, kMaxPhaseLength));
  RETURN_IF_ERROR(ValidateCounters(task.counters));
  return CheckSize("results", task.result.size(), kMaxResultBytes);
}

absl::Status CheckTransition(TaskState from, TaskState to) {
  bool allowed = false;
  switch (from) {
    case TaskState::kQueued:
      // It may end without a start: nobody could be found to do it.
      allowed = to == TaskState::kRunning || to == TaskState::kFailed ||
                to == TaskState::kCancelled || to == TaskState::kInterrupted;
      break;
    case TaskState::kRunning:
      allowed = to == TaskState::kPaused || HasEnded(to);
      break;
    case TaskState::kPaused:
      // It may succeed: a run past its last place to stand still ends.
      allowed = to == TaskState::kRunning || HasEnded(to);
      break;
    default:
      break;
  }
  if (allowed) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "task is ", TaskStateName(from), " and cannot become ", TaskStateName(to),
      HasEnded(from) ? "; it has ended, start a new one" : ""));
}

TaskState StateAfterRestart(TaskState state) {
  return HasEnded(state) ? state : TaskState::kInterrupted;
}

TaskState StateOfResult(const absl::Status& status, bool cancelled) {
  if (status.ok()) return TaskState::kSucceeded;
  return cancelled && absl::IsCancelled(status) ? TaskState::kCancelled
                                                : TaskState::kFailed;
}

absl::Status CheckSameStart(const Task& known, const TaskRequest& wanted) {
  std::string difference;
  if (known.request.kind != wanted.kind) {
    difference = absl::StrCat("kind ", TaskKindName(known.request.kind),
                              ", not ", TaskKindName(wanted.kind));
  } else if (known.request.options != wanted.options) {
    difference = "other options";
  } else {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("request id \"", wanted.request_id, "\" is that of task ",
                   known.id.ToString(), ", which has ", difference,
                   "; choose a new request id"));
}

std::vector<Uuid> ChooseTasksToDrop(std::vector<EndedTask> ended,
                                    absl::Time now,
                                    const TaskRetention& retention) {
  std::sort(ended.begin(), ended.end());
  const size_t too_many =
      ended.size() - std::min(ended.size(), retention.max_ended);
  std::vector<Uuid> dropped;
  for (size_t i = 0; i < ended.size(); ++i) {
    if (i >= too_many && now - ended[i].first <= retention.max_age) break;
    dropped.push_back(ended[i].second);
  }
  return dropped;
}

std::optional<uint64_t> ChooseLogLineToDrop(uint64_t sequence) {
  if (sequence <= kMaxLogLines) return std::nullopt;
  return sequence - (kMaxLogLines - kFirstLogLinesKept);
}

}  // namespace cairn::maintenance
