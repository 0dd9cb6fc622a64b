#include "services/maintenance/engine/task_runner.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/trace/trace_context.h"
#include "services/maintenance/engine/lease_guard.h"
#include "services/maintenance/engine/task_control.h"

namespace cairn::maintenance {

TaskRunner::TaskRunner(const Options& options, const Dependencies& dependencies)
    : options_(options), dependencies_(dependencies) {
  // Who looks at their age must not take a restart for a task that never ran.
  for (const auto& [of, time] : dependencies_.tasks->LastSuccesses()) {
    dependencies_.metrics->ShowSuccess(of.second, of.first, time);
  }
}

TaskRunner::~TaskRunner() { Stop(); }

absl::Status TaskRunner::CheckRoom(const Key& key) const {
  if (draining_) {
    return WithReason(
        absl::UnavailableError("maintenance is about to end; repeat it there "
                               "where it is started again"),
        reason::kDraining);
  }
  const auto same = running_.find(key);
  if (same != running_.end()) {
    const std::string name = same->second.id.ToString();
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "task ", name, " of kind ", TaskKindName(key.second),
                          " runs on datastore ", key.first,
                          "; wait for its end, or cancel it")),
                      reason::kTaskRunning, {{"task", name}});
  }
  if (running_.size() >= options_.max_running) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            running_.size(), " tasks run, at most ", options_.max_running,
            " are allowed; repeat it when one has ended")),
        reason::kLimitExceeded);
  }
  return absl::OkStatus();
}

absl::StatusOr<StartedTask> TaskRunner::Start(const TaskRequest& request) {
  const Key key = {request.datastore, request.kind};
  Running running;
  absl::StatusOr<StartedTask> started = StartedTask{};
  {
    // Held while the row is written: of two starts of one request the second
    // finds the task of the first, and not that one runs.
    absl::MutexLock lock(&mutex_);
    const bool known =
        dependencies_.tasks->IsKnown(request.datastore, request.request_id);
    if (!known) RETURN_IF_ERROR(CheckRoom(key));
    started = dependencies_.tasks->Create(request);
    if (!started.ok() || started->attached) return started;
    running = {started->task.id, std::make_shared<CancellationToken>()};
    running_[key] = running;
    dependencies_.metrics->tasks_running.at(request.kind)->Add(1);
  }
  const absl::Status scheduled = dependencies_.executor->Schedule(
      [this, key, running] { RunTask(key, running); });
  if (!scheduled.ok()) {
    // It ends as a run that could not be begun.
    absl::StatusOr<TaskRun> run =
        dependencies_.tasks->Begin(request.datastore, running.id);
    if (run.ok()) run->Finish(scheduled, "").IgnoreError();
    Leave(key);
    return scheduled;
  }
  return started;
}

void TaskRunner::RunTask(const Key& key, const Running& running) {
  const absl::StatusOr<Task> task =
      dependencies_.tasks->Get(key.first, running.id);
  absl::StatusOr<TaskRun> run =
      dependencies_.tasks->Begin(key.first, running.id);
  if (task.ok() && run.ok()) {
    RunBegun(*task, *std::move(run), running);
  } else if (!absl::IsFailedPrecondition(run.status())) {
    // Cancelled before it was begun; all else is told.
    LOG(WARNING) << "task not begun task=" << running.id.ToString()
                 << " error=" << run.status();
  }
  Leave(key);
}

void TaskRunner::RunBegun(const Task& task, TaskRun run,
                          const Running& running) {
  LogFields fields;
  SetTraceFields(ToTraceParent(NewTrace()), &fields);
  fields.Set("task", task.id.ToString());
  const LogScope scope(&fields);
  const absl::Duration start = dependencies_.clock->Monotonic();
  LOG(INFO) << "task begun task=" << task.id.ToString()
            << " kind=" << TaskKindName(task.request.kind)
            << " datastore=" << task.request.datastore
            << " principal=" << task.request.principal;
  absl::StatusOr<std::string> result = "";
  {
    TaskControl control(&run, running.stop,
                        [this, kind = task.request.kind](
                            const std::string& from, const std::string& to) {
                          dependencies_.metrics->ShowPhase(kind, from, to);
                        });
    result = dependencies_.work(task, control);
    if (!result.ok()) control.Log(LogLevel::kError, result.status().ToString());
  }
  dependencies_.metrics->task_seconds.at(task.request.kind)
      ->Observe(
          absl::ToDoubleSeconds(dependencies_.clock->Monotonic() - start));
  const bool cancelled = run.cancellation()->cancelled();
  if (!result.ok() && running.stop->cancelled() && !cancelled) {
    // The process ends, and nobody asked for the end of the task.
    run.Abandon();
    LOG(INFO) << "task interrupted task=" << task.id.ToString();
    return;
  }
  const TaskState state = StateOfResult(result.status(), cancelled);
  LOG(INFO) << "task ended task=" << task.id.ToString()
            << " kind=" << TaskKindName(task.request.kind)
            << " datastore=" << task.request.datastore
            << " state=" << TaskStateName(state)
            << " status=" << result.status();
  dependencies_.metrics->task_runs.at({task.request.kind, state})->Increment();
  if (state == TaskState::kSucceeded) {
    dependencies_.metrics->ShowSuccess(
        task.request.kind, task.request.datastore, dependencies_.clock->Now());
  }
  const absl::Status finished =
      run.Finish(result.status(), result.ok() ? *std::move(result) : "");
  if (!finished.ok()) {
    LOG(ERROR) << "task's end not noted task=" << task.id.ToString()
               << " error=" << finished;
  }
}

void TaskRunner::Leave(const Key& key) {
  dependencies_.metrics->tasks_running.at(key.second)->Add(-1);
  absl::MutexLock lock(&mutex_);
  running_.erase(key);
}

void TaskRunner::Drain() {
  std::vector<std::pair<Key, Running>> all;
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    all.assign(running_.begin(), running_.end());
  }
  const Call call = MaintenanceCall(absl::InfiniteFuture(), nullptr);
  for (const auto& [key, running] : all) {
    running.stop->Cancel();
    // One that stands still must notice; others are not paused, which is no
    // error here.
    dependencies_.tasks->Resume(call, key.first, running.id).IgnoreError();
  }
}

void TaskRunner::Stop() {
  Drain();
  absl::MutexLock lock(&mutex_);
  const auto is_idle =
      +[](std::map<Key, Running>* running) { return running->empty(); };
  dependencies_.executor->Await(&mutex_, absl::Condition(is_idle, &running_),
                                absl::InfiniteDuration());
}

size_t TaskRunner::running() const {
  absl::MutexLock lock(&mutex_);
  return running_.size();
}

}  // namespace cairn::maintenance
