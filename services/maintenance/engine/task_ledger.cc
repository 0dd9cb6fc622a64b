#include "services/maintenance/engine/task_ledger.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/text/printable.h"

namespace cairn::maintenance {
namespace {

absl::Status UnknownTask(const std::string& datastore, const Uuid& id) {
  return absl::NotFoundError(
      absl::StrCat("task ", id.ToString(), " of datastore ", datastore,
                   " is not known; tasks that have ended are kept for a "
                   "while only"));
}

// A row whose text is not UTF-8 could never be read again. Of a reason its
// code alone is kept.
absl::Status StatusToKeep(const absl::Status& status) {
  absl::Status kept(status.code(),
                    ToPrintableUtf8(status.message(), kMaxStatusLength));
  const std::optional<Reason> reason = ReasonOf(status);
  if (!reason.has_value()) return kept;
  return WithReason(std::move(kept), reason->code);
}

Task WithoutPayload(Task task) {
  task.request.options.clear();
  task.result.clear();
  return task;
}

}  // namespace

absl::Time TaskLedger::Now() const {
  return absl::FromUnixNanos(absl::ToUnixNanos(clock_->Now()));
}

absl::Status TaskLedger::Restore(
    const std::function<void(TaskKind)>& on_interrupted) {
  std::vector<Task> interrupted;
  RETURN_IF_ERROR(store_->VisitTasks([&](Task task) {
    if (HasEnded(task.state)) {
      Touch(table_.Add(WithoutPayload(std::move(task))));
    } else {
      interrupted.push_back(std::move(task));
    }
    return absl::OkStatus();
  }));
  TaskBatch batch = store_->NewBatch();
  for (Task& task : interrupted) {
    task.status = absl::AbortedError(
        absl::StrCat("maintenance was restarted while the task was ",
                     TaskStateName(task.state)));
    task.state = StateAfterRestart(task.state);
    task.end_time = Now();
    batch.PutTask(task);
    Entry& entry = table_.Add(WithoutPayload(std::move(task)));
    const Task& added = entry.task;
    ASSIGN_OR_RETURN(
        entry.last_log_sequence,
        store_->LastLogSequence(added.request.datastore, added.id));
    AddLine(entry, {LogLevel::kError, std::string(added.status.message())},
            batch);
    Touch(entry);
    if (on_interrupted) on_interrupted(added.request.kind);
  }
  if (batch.empty()) return absl::OkStatus();
  LOG(INFO) << "tasks interrupted by a restart count=" << interrupted.size();
  return store_->Commit(batch, Durability::kSynced);
}

absl::StatusOr<TaskLedger::Entry*> TaskLedger::Find(
    const std::string& datastore, const Uuid& id) {
  Entry* entry = table_.Find(id);
  if (entry != nullptr && entry->task.request.datastore == datastore) {
    return entry;
  }
  return UnknownTask(datastore, id);
}

absl::StatusOr<const TaskLedger::Entry*> TaskLedger::Find(
    const std::string& datastore, const Uuid& id) const {
  const Entry* entry = table_.Find(id);
  if (entry != nullptr && entry->task.request.datastore == datastore) {
    return entry;
  }
  return UnknownTask(datastore, id);
}

absl::StatusOr<TaskLedger::Entry*> TaskLedger::FindActive(const Uuid& id) {
  Entry* entry = table_.Find(id);
  if (entry != nullptr && !HasEnded(entry->task.state)) return entry;
  return absl::FailedPreconditionError(
      absl::StrCat("task ", id.ToString(), " has ended"));
}

absl::Status TaskLedger::Add(Task task) {
  TaskBatch batch = store_->NewBatch();
  batch.PutTask(task);
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  LOG(INFO) << "task created task=" << task.id.ToString()
            << " kind=" << TaskKindName(task.request.kind)
            << " datastore=" << task.request.datastore;
  Touch(table_.Add(std::move(task)));
  return absl::OkStatus();
}

absl::Status TaskLedger::Change(Entry& entry, Task changed,
                                const std::optional<Line>& line) {
  TaskBatch batch = store_->NewBatch();
  batch.PutTask(changed);
  if (line.has_value()) AddLine(entry, *line, batch);
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kBuffered));
  ChangeWithoutRow(entry, std::move(changed));
  return absl::OkStatus();
}

void TaskLedger::ChangeWithoutRow(Entry& entry, Task changed) {
  entry.task = std::move(changed);
  Touch(entry);
}

absl::Status TaskLedger::Log(Entry& entry, const Line& line) {
  TaskBatch batch = store_->NewBatch();
  AddLine(entry, line, batch);
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kBuffered));
  Touch(entry);
  return absl::OkStatus();
}

absl::Status TaskLedger::End(Entry& entry, Task ended) {
  const std::string datastore = ended.request.datastore;
  ended.end_time = Now();
  ended.status = StatusToKeep(ended.status);
  TaskBatch batch = store_->NewBatch();
  if (ended.result.size() > kMaxResultBytes) {
    AddLine(
        entry,
        {LogLevel::kError, absl::StrCat("the result has ", ended.result.size(),
                                        " bytes and is left out, at most ",
                                        kMaxResultBytes, " are kept")},
        batch);
    ended.result.clear();
  }
  if (!ended.status.ok()) {
    AddLine(entry, {LogLevel::kError, std::string(ended.status.message())},
            batch);
  }
  batch.PutTask(ended);
  std::vector<EndedTask> all = table_.Ended(datastore);
  all.push_back({*ended.end_time, ended.id});
  ASSIGN_OR_RETURN(const std::vector<Uuid> dropped,
                   RemoveOld(datastore, std::move(all), batch));
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  LOG(INFO) << "task ended task=" << ended.id.ToString()
            << " kind=" << TaskKindName(ended.request.kind)
            << " datastore=" << datastore
            << " state=" << TaskStateName(ended.state);
  ChangeWithoutRow(entry, WithoutPayload(std::move(ended)));
  table_.NoteEnd(entry);
  for (const Uuid& id : dropped) table_.Remove(id);
  return absl::OkStatus();
}

absl::Status TaskLedger::DropOld() {
  for (const std::string& datastore : table_.Datastores()) {
    TaskBatch batch = store_->NewBatch();
    ASSIGN_OR_RETURN(const std::vector<Uuid> dropped,
                     RemoveOld(datastore, table_.Ended(datastore), batch));
    if (dropped.empty()) continue;
    RETURN_IF_ERROR(store_->Commit(batch, Durability::kBuffered));
    for (const Uuid& id : dropped) table_.Remove(id);
  }
  return absl::OkStatus();
}

void TaskLedger::AddLine(Entry& entry, const Line& line, TaskBatch& batch) {
  const std::string& datastore = entry.task.request.datastore;
  const LogLine added{.sequence = ++entry.last_log_sequence,
                      .time = Now(),
                      .level = line.level,
                      .text = ToPrintableUtf8(line.text, kMaxLogTextLength)};
  batch.PutLogLine(datastore, entry.task.id, added);
  if (const auto dropped = ChooseLogLineToDrop(added.sequence)) {
    batch.RemoveLogLine(datastore, entry.task.id, *dropped);
  }
}

absl::StatusOr<std::vector<Uuid>> TaskLedger::RemoveOld(
    const std::string& datastore, std::vector<EndedTask> ended,
    TaskBatch& batch) const {
  std::vector<Uuid> dropped =
      ChooseTasksToDrop(std::move(ended), Now(), retention_);
  for (const Uuid& id : dropped) {
    batch.RemoveTask(datastore, id);
    RETURN_IF_ERROR(store_->RemoveLog(datastore, id, batch));
  }
  return dropped;
}

}  // namespace cairn::maintenance
