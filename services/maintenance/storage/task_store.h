#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/job_rules.h"
#include "services/maintenance/domain/task_rules.h"

namespace cairn::maintenance {

// Changes that take effect together. Made by TaskStore::NewBatch.
class TaskBatch {
 public:
  void PutTask(const Task& task);
  // The row alone; its log goes by RemoveLog.
  void RemoveTask(std::string_view datastore, const Uuid& id);
  void PutLogLine(std::string_view datastore, const Uuid& id,
                  const LogLine& line);
  void RemoveLogLine(std::string_view datastore, const Uuid& id,
                     uint64_t sequence);
  void PutJob(const Job& job);
  void RemoveJob(std::string_view datastore, std::string_view job);
  void PutJobState(std::string_view datastore, std::string_view job,
                   const JobState& state);

  // For new jobs, which have to wait until there is space. Everything else
  // passes the free-space gate: gc must run, and be seen to, on a full disk.
  void HoldAtGate() { batch_.set_passes_gate(false); }
  bool empty() const { return batch_.empty(); }

 private:
  friend class TaskStore;
  explicit TaskBatch(KvTable first_table) : first_table_(first_table) {
    batch_.set_passes_gate(true);
  }

  KvTable first_table_;
  KvBatch batch_;
};

struct StoredJob {
  Job job;
  JobState state;
};

// Durable home of tasks, their logs, jobs and what became of their schedules,
// over four tables of a KvStore:
//   tasks       {d} 0x00 {16 bytes id}                      →  TaskRow
//   task_logs   {d} 0x00 {16 bytes id} {8 bytes sequence}   →  TaskLogRow
//   jobs        {d} 0x00 {job id}                           →  JobRow
//   job_states  {d} 0x00 {job id}                           →  JobStateRow
// (record.v1; sequences big endian). DataLoss names a row that cannot be
// read. Thread-safe.
class TaskStore {
 public:
  // In the order of the store's tables.
  static std::vector<std::string> TableNames();

  // `kv` has the tables above, one after another from `first_table` on, and
  // outlives the store.
  TaskStore(KvStore* kv, KvTable first_table)
      : kv_(kv), first_table_(first_table) {}

  TaskBatch NewBatch() const { return TaskBatch(first_table_); }

  // Hands out every task, one at a time: results are large, so nobody holds
  // them all. Ends at the first error, of `visit` too.
  absl::Status VisitTasks(
      absl::FunctionRef<absl::Status(Task task)> visit) const;
  // NotFound: there is none.
  absl::StatusOr<Task> GetTask(std::string_view datastore,
                               const Uuid& id) const;

  // At most `limit` lines of a task after line `after`, in order; none if
  // there is no such task.
  absl::StatusOr<std::vector<LogLine>> ReadLog(std::string_view datastore,
                                               const Uuid& id, uint64_t after,
                                               size_t limit) const;
  // The last line's number; 0: there is none.
  absl::StatusOr<uint64_t> LastLogSequence(std::string_view datastore,
                                           const Uuid& id) const;
  // Adds the removal of a task's whole log to `batch`.
  absl::Status RemoveLog(std::string_view datastore, const Uuid& id,
                         TaskBatch& batch) const;

  // By datastore and id. A job without a state is DataLoss.
  absl::StatusOr<std::vector<StoredJob>> LoadJobs() const;

  // As KvStore::Commit. kSynced: durable when it returns.
  absl::Status Commit(const TaskBatch& batch, Durability durability);

 private:
  KvStore* const kv_;
  const KvTable first_table_;
};

}  // namespace cairn::maintenance
