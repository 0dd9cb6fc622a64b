#include "services/maintenance/domain/task_table.h"

#include <algorithm>
#include <iterator>

namespace cairn::maintenance {
namespace {

// Tasks that one page looks at.
constexpr size_t kMaxLookedAt = 20000;
// Of the tasks on one page, so that the answer fits into a message.
constexpr size_t kMaxPageBytes = size_t{2} << 20;

size_t SizeOf(const Task& task) {
  const TaskRequest& request = task.request;
  size_t size = sizeof(Task) + request.request_id.size() +
                request.datastore.size() + request.job.size() +
                request.principal.size() + task.phase.size() +
                task.status.message().size();
  for (const TaskCounter& counter : task.counters) {
    size += sizeof(TaskCounter) + counter.name.size();
  }
  return size;
}

bool Selects(const TaskQuery& query, const Task& task) {
  const TaskRequest& request = task.request;
  return (query.datastore.empty() || query.datastore == request.datastore) &&
         (!query.kind.has_value() || *query.kind == request.kind) &&
         (!query.state.has_value() || *query.state == task.state) &&
         (query.job.empty() || query.job == request.job) &&
         (!query.since.has_value() || *query.since <= task.create_time);
}

}  // namespace

std::map<std::pair<std::string, TaskKind>, absl::Time>
TaskTable::LastSuccesses() const {
  std::map<std::pair<std::string, TaskKind>, absl::Time> last;
  for (const auto& [id, entry] : entries_) {
    const Task& task = entry.task;
    if (task.state != TaskState::kSucceeded) continue;
    const absl::Time end = task.end_time.value_or(task.create_time);
    const auto known =
        last.emplace(std::pair(task.request.datastore, task.request.kind), end)
            .first;
    known->second = std::max(known->second, end);
  }
  return last;
}

TaskTable::Entry& TaskTable::Add(Task task) {
  const Uuid id = task.id;
  OfDatastore& datastore = OfTask(task);
  datastore.by_request[task.request.request_id] = id;
  by_age_.insert(PositionOf(task));
  if (HasEnded(task.state)) {
    datastore.ended.insert({task.end_time.value_or(task.create_time), id});
  } else {
    datastore.active.insert(id);
  }
  Entry& entry = entries_[id];
  entry.task = std::move(task);
  return entry;
}

void TaskTable::Remove(const Uuid& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Task& task = found->second.task;
  OfDatastore& datastore = OfTask(task);
  datastore.by_request.erase(task.request.request_id);
  datastore.active.erase(id);
  datastore.ended.erase({task.end_time.value_or(task.create_time), id});
  by_age_.erase(PositionOf(task));
  entries_.erase(found);
}

TaskTable::Entry* TaskTable::Find(const Uuid& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

const TaskTable::Entry* TaskTable::Find(const Uuid& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

const TaskTable::Entry* TaskTable::FindRequest(
    const std::string& datastore, const std::string& request_id) const {
  const auto of = datastores_.find(datastore);
  if (of == datastores_.end()) return nullptr;
  const auto found = of->second.by_request.find(request_id);
  return found == of->second.by_request.end() ? nullptr : Find(found->second);
}

const TaskTable::Entry* TaskTable::FindActiveOfJob(const std::string& datastore,
                                                   std::string_view job) const {
  const auto of = datastores_.find(datastore);
  if (of == datastores_.end()) return nullptr;
  for (const Uuid& id : of->second.active) {
    const Entry* entry = Find(id);
    if (entry->task.request.job == job) return entry;
  }
  return nullptr;
}

void TaskTable::NoteEnd(const Entry& entry) {
  const Task& task = entry.task;
  OfDatastore& datastore = OfTask(task);
  datastore.active.erase(task.id);
  datastore.ended.insert({task.end_time.value_or(task.create_time), task.id});
}

size_t TaskTable::CountActive(const std::string& datastore) const {
  const auto of = datastores_.find(datastore);
  return of == datastores_.end() ? 0 : of->second.active.size();
}

std::vector<EndedTask> TaskTable::Ended(const std::string& datastore) const {
  const auto of = datastores_.find(datastore);
  if (of == datastores_.end()) return {};
  return {of->second.ended.begin(), of->second.ended.end()};
}

std::vector<std::string> TaskTable::Datastores() const {
  std::vector<std::string> names;
  for (const auto& [name, of] : datastores_) names.push_back(name);
  return names;
}

TaskTable::Page TaskTable::List(const TaskQuery& query,
                                const std::optional<Position>& after,
                                size_t limit) const {
  Page page;
  auto next = after.has_value() ? by_age_.lower_bound(*after) : by_age_.end();
  std::optional<Position> last = after;
  size_t looked_at = 0;
  size_t bytes = 0;
  while (next != by_age_.begin()) {
    if (page.items.size() == limit || looked_at == kMaxLookedAt ||
        bytes >= kMaxPageBytes) {
      page.next = last;
      return page;
    }
    --next;
    ++looked_at;
    // All that follow are older.
    if (query.since.has_value() && next->first < *query.since) return page;
    last = *next;
    const Entry* entry = Find(next->second);
    if (!Selects(query, entry->task)) continue;
    page.items.push_back(entry);
    bytes += SizeOf(entry->task);
  }
  return page;
}

}  // namespace cairn::maintenance
