#include "services/maintenance/storage/task_store.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/maintenance/storage/row_key.h"
#include "services/maintenance/storage/task_codec.h"

namespace cairn::maintenance {
namespace {

// Counted from the first of the four.
constexpr KvTable kTasks = 0;
constexpr KvTable kLogs = 1;
constexpr KvTable kJobs = 2;
constexpr KvTable kJobStates = 3;

}  // namespace

void TaskBatch::PutTask(const Task& task) {
  batch_.Put(first_table_ + kTasks, TaskKey(task.request.datastore, task.id),
             EncodeTask(task));
}

void TaskBatch::RemoveTask(std::string_view datastore, const Uuid& id) {
  batch_.Remove(first_table_ + kTasks, TaskKey(datastore, id));
}

void TaskBatch::PutLogLine(std::string_view datastore, const Uuid& id,
                           const LogLine& line) {
  batch_.Put(first_table_ + kLogs, TaskLogKey(datastore, id, line.sequence),
             EncodeLogLine(line));
}

void TaskBatch::RemoveLogLine(std::string_view datastore, const Uuid& id,
                              uint64_t sequence) {
  batch_.Remove(first_table_ + kLogs, TaskLogKey(datastore, id, sequence));
}

void TaskBatch::PutJob(const Job& job) {
  batch_.Put(first_table_ + kJobs, JobKey(job.datastore, job.id),
             EncodeJob(job));
}

void TaskBatch::RemoveJob(std::string_view datastore, std::string_view job) {
  batch_.Remove(first_table_ + kJobs, JobKey(datastore, job));
  batch_.Remove(first_table_ + kJobStates, JobKey(datastore, job));
}

void TaskBatch::PutJobState(std::string_view datastore, std::string_view job,
                            const JobState& state) {
  batch_.Put(first_table_ + kJobStates, JobKey(datastore, job),
             EncodeJobState(state));
}

std::vector<std::string> TaskStore::TableNames() {
  return {"tasks", "task_logs", "jobs", "job_states"};
}

absl::Status TaskStore::VisitTasks(
    absl::FunctionRef<absl::Status(Task task)> visit) const {
  const std::unique_ptr<KvView> view = kv_->NewView();
  const auto cursor = view->Scan(first_table_ + kTasks, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(Task task, DecodeTask(cursor->key(), cursor->value()));
    RETURN_IF_ERROR(visit(std::move(task)));
  }
  return cursor->status();
}

absl::StatusOr<Task> TaskStore::GetTask(std::string_view datastore,
                                        const Uuid& id) const {
  const std::string key = TaskKey(datastore, id);
  ASSIGN_OR_RETURN(const std::optional<std::string> row,
                   kv_->Get(first_table_ + kTasks, key));
  if (row.has_value()) return DecodeTask(key, *row);
  return absl::NotFoundError(absl::StrCat(
      "task ", id.ToString(), " of datastore ", datastore, " is not known"));
}

absl::StatusOr<std::vector<LogLine>> TaskStore::ReadLog(
    std::string_view datastore, const Uuid& id, uint64_t after,
    size_t limit) const {
  std::vector<LogLine> lines;
  if (after == UINT64_MAX) return lines;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const auto cursor =
      view->Scan(first_table_ + kLogs, TaskLogKey(datastore, id, after + 1),
                 PrefixEnd(TaskLogPrefix(datastore, id)));
  for (; cursor->Valid() && lines.size() < limit; cursor->Next()) {
    ASSIGN_OR_RETURN(LogLine line,
                     DecodeLogLine(cursor->key(), cursor->value()));
    lines.push_back(std::move(line));
  }
  RETURN_IF_ERROR(cursor->status());
  return lines;
}

absl::StatusOr<uint64_t> TaskStore::LastLogSequence(std::string_view datastore,
                                                    const Uuid& id) const {
  const std::string prefix = TaskLogPrefix(datastore, id);
  const std::unique_ptr<KvView> view = kv_->NewView();
  const auto cursor =
      view->Scan(first_table_ + kLogs, prefix, PrefixEnd(prefix));
  uint64_t last = 0;
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(last, LogLineSequence(cursor->key()));
  }
  RETURN_IF_ERROR(cursor->status());
  return last;
}

absl::Status TaskStore::RemoveLog(std::string_view datastore, const Uuid& id,
                                  TaskBatch& batch) const {
  const std::string prefix = TaskLogPrefix(datastore, id);
  const std::unique_ptr<KvView> view = kv_->NewView();
  const auto cursor =
      view->Scan(first_table_ + kLogs, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    batch.batch_.Remove(first_table_ + kLogs, std::string(cursor->key()));
  }
  return cursor->status();
}

absl::StatusOr<std::vector<StoredJob>> TaskStore::LoadJobs() const {
  std::vector<StoredJob> jobs;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const auto cursor = view->Scan(first_table_ + kJobs, "", "");
  for (; cursor->Valid(); cursor->Next()) {
    StoredJob stored;
    ASSIGN_OR_RETURN(stored.job, DecodeJob(cursor->key(), cursor->value()));
    ASSIGN_OR_RETURN(const std::optional<std::string> state,
                     view->Get(first_table_ + kJobStates, cursor->key()));
    if (!state.has_value()) {
      return BadRow("jobs", cursor->key(), "has no row in job_states");
    }
    ASSIGN_OR_RETURN(stored.state, DecodeJobState(cursor->key(), *state));
    jobs.push_back(std::move(stored));
  }
  RETURN_IF_ERROR(cursor->status());
  return jobs;
}

absl::Status TaskStore::Commit(const TaskBatch& batch, Durability durability) {
  return kv_->Commit(batch.batch_, durability);
}

}  // namespace cairn::maintenance
