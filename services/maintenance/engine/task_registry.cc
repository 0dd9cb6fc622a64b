#include "services/maintenance/engine/task_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/text/printable.h"
#include "services/maintenance/engine/page_position.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kMaxLogLinesRead = 1000;
// Draws of an id in a row that are taken already: the source is no source.
constexpr int kMaxDraws = 100;

absl::Status LimitExceeded(std::string_view text) {
  return WithReason(absl::ResourceExhaustedError(text), reason::kLimitExceeded);
}

// What the table keeps: the large parts are in the row.
Task WithoutPayload(Task task) {
  task.request.options.clear();
  task.result.clear();
  return task;
}

std::string_view By(const Call& call) {
  if (call.caller.principal.empty()) return "somebody";
  return call.caller.principal;
}

}  // namespace

TaskRegistry::TaskRegistry(const Options& options,
                           const Dependencies& dependencies,
                           absl::AnyInvocable<Uuid()> draw_id)
    : options_(options),
      dependencies_(dependencies),
      draw_id_(std::move(draw_id)),
      ledger_(dependencies.clock, dependencies.store, options.retention) {}

absl::StatusOr<std::unique_ptr<TaskRegistry>> TaskRegistry::Open(
    const Options& options, const Dependencies& dependencies,
    absl::AnyInvocable<Uuid()> draw_id) {
  std::unique_ptr<TaskRegistry> registry(
      new TaskRegistry(options, dependencies, std::move(draw_id)));
  absl::MutexLock lock(&registry->mutex_);
  RETURN_IF_ERROR(registry->ledger_.Restore(dependencies.on_interrupted));
  RETURN_IF_ERROR(registry->ledger_.DropOld());
  return registry;
}

absl::StatusOr<StartedTask> TaskRegistry::Create(TaskRequest request) {
  RETURN_IF_ERROR(ValidateTaskRequest(request));
  absl::MutexLock lock(&mutex_);
  const Entry* known =
      ledger_.table().FindRequest(request.datastore, request.request_id);
  if (known != nullptr) return Attach(*known, request);
  if (ledger_.table().CountActive(request.datastore) >= options_.max_active) {
    return LimitExceeded(absl::StrCat(
        "datastore ", request.datastore, " has ", options_.max_active,
        " tasks that have not ended; wait for one or cancel one"));
  }
  Task task;
  int draws = 0;
  do {
    if (++draws > kMaxDraws) {
      return absl::InternalError("no new id was drawn for a task");
    }
    task.id = draw_id_();
  } while (task.id.is_zero() || ledger_.table().Find(task.id) != nullptr);
  task.request = std::move(request);
  task.create_time = ledger_.Now();
  RETURN_IF_ERROR(ledger_.Add(task));
  active_[task.id];
  return StartedTask{.task = std::move(task)};
}

absl::StatusOr<StartedTask> TaskRegistry::Attach(
    const Entry& known, const TaskRequest& wanted) const {
  StartedTask started{.task = known.task, .attached = true};
  if (HasEnded(known.task.state)) {
    ASSIGN_OR_RETURN(started.task, dependencies_.store->GetTask(
                                       wanted.datastore, known.task.id));
  }
  RETURN_IF_ERROR(CheckSameStart(started.task, wanted));
  return started;
}

bool TaskRegistry::IsKnown(const std::string& datastore,
                           const std::string& request_id) const {
  absl::MutexLock lock(&mutex_);
  return ledger_.table().FindRequest(datastore, request_id) != nullptr;
}

std::map<std::pair<std::string, TaskKind>, absl::Time>
TaskRegistry::LastSuccesses() const {
  absl::MutexLock lock(&mutex_);
  return ledger_.table().LastSuccesses();
}

absl::StatusOr<TaskRun> TaskRegistry::Begin(const std::string& datastore,
                                            const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Entry * entry, ledger_.Find(datastore, id));
  if (entry->task.state != TaskState::kQueued) {
    return absl::FailedPreconditionError(absl::StrCat(
        "task ", id.ToString(), " is ", TaskStateName(entry->task.state),
        ", only a queued one can begin"));
  }
  Task begun = entry->task;
  begun.state = TaskState::kRunning;
  begun.start_time = ledger_.Now();
  RETURN_IF_ERROR(ledger_.Change(*entry, std::move(begun), std::nullopt));
  return TaskRun(this, id, active_.at(id).cancellation);
}

absl::StatusOr<Task> TaskRegistry::Get(const std::string& datastore,
                                       const Uuid& id) const {
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(const Entry* const entry, ledger_.Find(datastore, id));
    // Active ones are whole, and newer than their rows.
    if (!HasEnded(entry->task.state)) return entry->task;
  }
  return dependencies_.store->GetTask(datastore, id);
}

absl::StatusOr<ListPage<Task>> TaskRegistry::List(
    const TaskQuery& query, const PageRequest& request) const {
  ASSIGN_OR_RETURN(const std::optional<PagePosition> after,
                   ParsePageToken(request.page_token));
  ListPage<Task> page;
  absl::MutexLock lock(&mutex_);
  const TaskTable::Page found =
      ledger_.table().List(query, after, PageSizeOf(request));
  for (const Entry* entry : found.items) {
    page.items.push_back(WithoutPayload(entry->task));
  }
  if (found.next.has_value()) {
    page.next_page_token = FormatPageToken(*found.next);
  }
  return page;
}

absl::StatusOr<std::vector<LogLine>> TaskRegistry::ReadLog(
    const std::string& datastore, const Uuid& id, uint64_t after,
    size_t limit) const {
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(ledger_.Find(datastore, id).status());
  }
  return dependencies_.store->ReadLog(
      datastore, id, after, std::clamp<size_t>(limit, 1, kMaxLogLinesRead));
}

absl::Status TaskRegistry::WhileWanted(
    const Call& call,
    absl::FunctionRef<absl::Status(const bool& cancelled)> wait) {
  bool cancelled = false;
  CancellationToken::CallbackId callback = 0;
  if (call.cancellation != nullptr) {
    callback = call.cancellation->AddCallback([this, &cancelled] {
      absl::MutexLock lock(&mutex_);
      cancelled = true;
    });
  }
  const absl::Status done = wait(cancelled);
  if (call.cancellation != nullptr) {
    call.cancellation->RemoveCallback(callback);
  }
  return done;
}

absl::StatusOr<TaskUpdate> TaskRegistry::Watch(const Call& call,
                                               const std::string& datastore,
                                               const Uuid& id,
                                               uint64_t known_version) {
  absl::StatusOr<TaskUpdate> update;
  RETURN_IF_ERROR(WhileWanted(call, [&](const bool& cancelled) {
    update = AwaitUpdate(call, datastore, id, known_version, cancelled);
    return update.status();
  }));
  return update;
}

absl::Status TaskRegistry::AwaitEnd(const Call& call, const Uuid& id,
                                    absl::Duration time) {
  return WhileWanted(call, [&](const bool& cancelled) {
    absl::MutexLock lock(&mutex_);
    const auto is_over = [&] {
      mutex_.AssertHeld();
      return cancelled || !active_.contains(id);
    };
    dependencies_.executor->Await(&mutex_, absl::Condition(&is_over), time);
    return cancelled ? absl::CancelledError("the watch was cancelled")
                     : absl::OkStatus();
  });
}

absl::StatusOr<TaskUpdate> TaskRegistry::AwaitUpdate(
    const Call& call, const std::string& datastore, const Uuid& id,
    uint64_t known_version, const bool& cancelled) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Entry * entry, ledger_.Find(datastore, id));
  const auto is_news = [&] {
    mutex_.AssertHeld();
    const Entry* now = ledger_.table().Find(id);
    return cancelled || now == nullptr || now->version != known_version;
  };
  if (!is_news()) {
    if (watchers_ >= options_.max_watchers) {
      return LimitExceeded(absl::StrCat(
          "tasks have ", options_.max_watchers,
          " watchers, which is the limit; ask for the task now and then"));
    }
    ++watchers_;
    const bool came = dependencies_.executor->Await(
        &mutex_, absl::Condition(&is_news),
        call.deadline - dependencies_.clock->Now());
    --watchers_;
    if (!came) {
      return absl::DeadlineExceededError(absl::StrCat(
          "task ", id.ToString(), " did not change before the deadline"));
    }
    if (cancelled) return absl::CancelledError("the watch was cancelled");
    ASSIGN_OR_RETURN(entry, ledger_.Find(datastore, id));
  }
  return TaskUpdate{.task = WithoutPayload(entry->task),
                    .version = entry->version,
                    .last_log_sequence = entry->last_log_sequence};
}

absl::Status TaskRegistry::Cancel(const Call& call,
                                  const std::string& datastore,
                                  const Uuid& id) {
  std::shared_ptr<CancellationToken> cancellation;
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(Entry * entry, ledger_.Find(datastore, id));
    RETURN_IF_ERROR(CheckTransition(entry->task.state, TaskState::kCancelled));
    Activity& activity = active_.at(id);
    if (activity.cancelled) return absl::OkStatus();
    const std::string text = absl::StrCat("cancelled by ", By(call));
    if (entry->task.state == TaskState::kQueued) {
      Task ended = entry->task;
      ended.state = TaskState::kCancelled;
      ended.status = absl::CancelledError(text);
      return End(*entry, std::move(ended));
    }
    RETURN_IF_ERROR(ledger_.Log(*entry, {LogLevel::kWarning, text}));
    activity.cancelled = true;
    cancellation = activity.cancellation;
  }
  // Its callbacks may take locks of their own.
  cancellation->Cancel();
  return absl::OkStatus();
}

absl::Status TaskRegistry::Pause(const Call& call, const std::string& datastore,
                                 const Uuid& id) {
  return SetState(call, datastore, id, TaskState::kPaused);
}

absl::Status TaskRegistry::Resume(const Call& call,
                                  const std::string& datastore,
                                  const Uuid& id) {
  return SetState(call, datastore, id, TaskState::kRunning);
}

absl::Status TaskRegistry::SetState(const Call& call,
                                    const std::string& datastore,
                                    const Uuid& id, TaskState state) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Entry * entry, ledger_.Find(datastore, id));
  if (entry->task.state == state) return absl::OkStatus();
  if (entry->task.state == TaskState::kQueued) {
    return absl::FailedPreconditionError(absl::StrCat(
        "task ", id.ToString(), " is queued, only a running one can be ",
        TaskStateName(state), "; cancel it or wait"));
  }
  RETURN_IF_ERROR(CheckTransition(entry->task.state, state));
  Task changed = entry->task;
  changed.state = state;
  const TaskLedger::Line line = {
      LogLevel::kInfo,
      absl::StrCat(state == TaskState::kPaused ? "paused by " : "resumed by ",
                   By(call))};
  return ledger_.Change(*entry, std::move(changed), line);
}

absl::Status TaskRegistry::Report(const Uuid& id, std::string_view phase,
                                  std::vector<TaskCounter> counters) {
  RETURN_IF_ERROR(ValidateCounters(counters));
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Entry * entry, ledger_.FindActive(id));
  std::string cut = ToPrintableUtf8(phase, kMaxPhaseLength);
  if (cut == entry->task.phase && counters == entry->task.counters) {
    return absl::OkStatus();
  }
  Task changed = entry->task;
  changed.phase = std::move(cut);
  changed.counters = std::move(counters);
  Activity& activity = active_.at(id);
  const absl::Duration now = dependencies_.clock->Monotonic();
  if (now < activity.next_row_time) {
    ledger_.ChangeWithoutRow(*entry, std::move(changed));
    return absl::OkStatus();
  }
  activity.next_row_time = now + options_.progress_period;
  return ledger_.Change(*entry, std::move(changed), std::nullopt);
}

absl::Status TaskRegistry::Log(const Uuid& id, LogLevel level,
                               std::string_view text) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Entry * entry, ledger_.FindActive(id));
  return ledger_.Log(*entry, {level, std::string(text)});
}

absl::Status TaskRegistry::WaitWhilePaused(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  const auto may_go_on = [&] {
    mutex_.AssertHeld();
    const Entry* entry = ledger_.table().Find(id);
    return entry == nullptr || entry->task.state != TaskState::kPaused ||
           active_.at(id).cancelled;
  };
  dependencies_.executor->Await(&mutex_, absl::Condition(&may_go_on),
                                absl::InfiniteDuration());
  RETURN_IF_ERROR(ledger_.FindActive(id).status());
  if (!active_.at(id).cancelled) return absl::OkStatus();
  return absl::CancelledError(
      absl::StrCat("task ", id.ToString(), " was cancelled"));
}

absl::Status TaskRegistry::Finish(const Uuid& id, const absl::Status& status,
                                  std::string result) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Entry * entry, ledger_.FindActive(id));
  Task ended = entry->task;
  ended.state = StateOfResult(status, active_.at(id).cancelled);
  ended.status = status;
  ended.result = std::move(result);
  return End(*entry, std::move(ended));
}

absl::Status TaskRegistry::End(Entry& entry, Task ended) {
  const Uuid id = ended.id;
  RETURN_IF_ERROR(ledger_.End(entry, std::move(ended)));
  active_.erase(id);
  return absl::OkStatus();
}

absl::Status TaskRegistry::DropOld() {
  absl::MutexLock lock(&mutex_);
  return ledger_.DropOld();
}

std::optional<Uuid> TaskRegistry::FindActiveOfJob(const std::string& datastore,
                                                  std::string_view job) const {
  absl::MutexLock lock(&mutex_);
  const Entry* entry = ledger_.table().FindActiveOfJob(datastore, job);
  if (entry == nullptr) return std::nullopt;
  return entry->task.id;
}

}  // namespace cairn::maintenance
