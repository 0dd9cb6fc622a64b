#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/task_rules.h"

namespace cairn::maintenance {

// Which tasks a list is to hold; what is left out selects all.
struct TaskQuery {
  std::string datastore;
  std::optional<TaskKind> kind;
  std::optional<TaskState> state;
  std::string job;
  std::optional<absl::Time> since;  // created then or later
};

// The tasks of all datastores, found by id, by request id, by job and by age.
// Request ids are unique in a datastore. Not thread-safe.
class TaskTable {
 public:
  struct Entry {
    Task task;
    uint64_t version = 0;            // of the registry, at the last change
    uint64_t last_log_sequence = 0;  // 0: no line yet
  };
  // Where a task stands in a list: the newest is first.
  using Position = std::pair<absl::Time, Uuid>;

  // The task's id and its request id are not in the table.
  Entry& Add(Task task);
  void Remove(const Uuid& id);
  // Null if there is none. Valid until it is removed.
  Entry* Find(const Uuid& id);
  const Entry* Find(const Uuid& id) const;
  const Entry* FindRequest(const std::string& datastore,
                           const std::string& request_id) const;
  // A task of the job that has not ended.
  const Entry* FindActiveOfJob(const std::string& datastore,
                               std::string_view job) const;
  // The entry's task has ended since it was added.
  void NoteEnd(const Entry& entry);

  size_t size() const { return entries_.size(); }
  size_t CountActive(const std::string& datastore) const;
  std::vector<EndedTask> Ended(const std::string& datastore) const;
  std::vector<std::string> Datastores() const;
  // When a task of this kind last ended in success, by datastore and kind, of
  // those in the table.
  std::map<std::pair<std::string, TaskKind>, absl::Time> LastSuccesses() const;

  struct Page {
    std::vector<const Entry*> items;  // valid until the next change
    std::optional<Position> next;     // where to go on; none: that was all
  };
  // At most `limit` entries that `query` selects, after `after` (none: from
  // the newest on). Looks at a bounded number of tasks and hands out a bounded
  // number of bytes, so that a page may hold fewer than there are.
  Page List(const TaskQuery& query, const std::optional<Position>& after,
            size_t limit) const;

 private:
  struct OfDatastore {
    std::map<std::string, Uuid> by_request;
    std::set<Uuid> active;
    std::set<EndedTask> ended;
  };

  static Position PositionOf(const Task& task) {
    return {task.create_time, task.id};
  }
  OfDatastore& OfTask(const Task& task) {
    return datastores_[task.request.datastore];
  }

  std::map<Uuid, Entry> entries_;
  std::set<Position> by_age_;
  std::map<std::string, OfDatastore> datastores_;
};

}  // namespace cairn::maintenance
