#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/domain/task_table.h"
#include "services/maintenance/storage/task_store.h"

namespace cairn::maintenance {

// The tasks in memory and their rows, which change together: first the row,
// then the table. Options and results of tasks that have ended are in their
// rows only. Not thread-safe.
class TaskLedger {
 public:
  using Entry = TaskTable::Entry;
  // For the log of a task, with a change of it.
  struct Line {
    LogLevel level = LogLevel::kInfo;
    std::string text;  // cut to its bounds
  };

  // Both outlive the ledger.
  TaskLedger(const Clock* clock, TaskStore* store,
             const TaskRetention& retention)
      : clock_(clock), store_(store), retention_(retention) {}

  // Takes over what is durable; what had not ended is interrupted, durably,
  // and `on_interrupted`, which may be empty, is told of each. Call it once,
  // first. DataLoss: a row that cannot be read.
  absl::Status Restore(const std::function<void(TaskKind)>& on_interrupted);

  const TaskTable& table() const { return table_; }
  // NotFound.
  absl::StatusOr<Entry*> Find(const std::string& datastore, const Uuid& id);
  absl::StatusOr<const Entry*> Find(const std::string& datastore,
                                    const Uuid& id) const;
  // FailedPrecondition: it has ended, or is not there any more.
  absl::StatusOr<Entry*> FindActive(const Uuid& id);

  // A new task, whose id and request id are new. Durable when it returns.
  absl::Status Add(Task task);
  // The task as it is now, with a line in its log if there is one. Not
  // synced: after a crash the task is interrupted, whatever it was.
  absl::Status Change(Entry& entry, Task changed,
                      const std::optional<Line>& line);
  // The same, but its row is left as it is for now.
  void ChangeWithoutRow(Entry& entry, Task changed);
  absl::Status Log(Entry& entry, const Line& line);
  // Ends the task as `ended` says, now, durably; a result above 1 MiB is left
  // out, with a line in the log. Then drops what is not to be kept, which may
  // be this one: the entry may be gone.
  absl::Status End(Entry& entry, Task ended);
  // Drops what is too old.
  absl::Status DropOld();

  // To the nanosecond, as rows keep it.
  absl::Time Now() const;

 private:
  void AddLine(Entry& entry, const Line& line, TaskBatch& batch);
  // Adds the removal of those of `ended` that are not kept; they are to leave
  // the table once the batch is committed.
  absl::StatusOr<std::vector<Uuid>> RemoveOld(const std::string& datastore,
                                              std::vector<EndedTask> ended,
                                              TaskBatch& batch) const;
  void Touch(Entry& entry) { entry.version = ++version_; }

  const Clock* const clock_;
  TaskStore* const store_;
  const TaskRetention retention_;
  TaskTable table_;
  uint64_t version_ = 0;
};

}  // namespace cairn::maintenance
