#include "services/maintenance/engine/task_frontend.h"

#include <algorithm>
#include <utility>

#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kLinesPerMessage = 1000;

// An error that has no reason yet gets the one that its code means here.
absl::Status WithTaskReason(const absl::Status& status) {
  if (ReasonOf(status).has_value()) return status;
  if (absl::IsNotFound(status)) {
    return WithReason(status, reason::kTaskUnknown);
  }
  if (absl::IsFailedPrecondition(status)) {
    return WithReason(status, reason::kTaskState);
  }
  return status;
}

}  // namespace

absl::StatusOr<StartedTask> TaskFrontend::Start(const TaskRequest& request) {
  absl::StatusOr<StartedTask> started = dependencies_.runner->Start(request);
  if (absl::IsInvalidArgument(started.status()) &&
      dependencies_.tasks->IsKnown(request.datastore, request.request_id)) {
    return WithReason(started.status(), reason::kRequestIdReused);
  }
  return started;
}

absl::StatusOr<VersionedTask> TaskFrontend::Get(const Call& call,
                                                const std::string& datastore,
                                                const Uuid& id) {
  // The version first: the task may be newer, never older.
  const absl::StatusOr<TaskUpdate> update =
      dependencies_.tasks->Watch(call, datastore, id, 0);
  if (!update.ok()) return WithTaskReason(update.status());
  absl::StatusOr<Task> task = dependencies_.tasks->Get(datastore, id);
  if (!task.ok()) return WithTaskReason(task.status());
  return VersionedTask{*std::move(task), update->version};
}

absl::StatusOr<ListPage<Task>> TaskFrontend::List(const TaskQuery& query,
                                                  bool active_only,
                                                  const PageRequest& page) {
  ASSIGN_OR_RETURN(ListPage<Task> tasks,
                   dependencies_.tasks->List(query, page));
  if (active_only) {
    std::erase_if(tasks.items,
                  [](const Task& task) { return HasEnded(task.state); });
  }
  return tasks;
}

absl::Status TaskFrontend::Watch(const Call& call, const std::string& datastore,
                                 const Uuid& id, uint64_t after, Take take) {
  uint64_t version = 0;
  for (;;) {
    absl::StatusOr<TaskUpdate> update =
        dependencies_.tasks->Watch(call, datastore, id, version);
    if (!update.ok()) return WithTaskReason(update.status());
    version = update->version;
    const bool ended = HasEnded(update->task.state);
    VersionedTask told = {std::move(update->task), version};
    if (ended) {
      absl::StatusOr<Task> whole = dependencies_.tasks->Get(datastore, id);
      if (!whole.ok()) return WithTaskReason(whole.status());
      told.task = *std::move(whole);
    }
    std::vector<LogLine> lines;
    do {
      ASSIGN_OR_RETURN(lines, ReadLog(datastore, id, after, kLinesPerMessage));
      if (!lines.empty()) after = lines.back().sequence;
      if (!take(told, lines)) return absl::OkStatus();
    } while (lines.size() == kLinesPerMessage);
    if (ended) return absl::OkStatus();
    RETURN_IF_ERROR(
        dependencies_.tasks->AwaitEnd(call, id, options_.watch_period));
  }
}

absl::StatusOr<std::vector<LogLine>> TaskFrontend::ReadLog(
    const std::string& datastore, const Uuid& id, uint64_t after,
    size_t limit) {
  absl::StatusOr<std::vector<LogLine>> lines = dependencies_.tasks->ReadLog(
      datastore, id, after, std::clamp<size_t>(limit, 1, kLinesPerMessage));
  if (!lines.ok()) return WithTaskReason(lines.status());
  return lines;
}

absl::StatusOr<VersionedTask> TaskFrontend::Cancel(const Call& call,
                                                   const std::string& datastore,
                                                   const Uuid& id) {
  RETURN_IF_ERROR(
      WithTaskReason(dependencies_.tasks->Cancel(call, datastore, id)));
  return Get(call, datastore, id);
}

absl::StatusOr<VersionedTask> TaskFrontend::Pause(const Call& call,
                                                  const std::string& datastore,
                                                  const Uuid& id) {
  RETURN_IF_ERROR(
      WithTaskReason(dependencies_.tasks->Pause(call, datastore, id)));
  return Get(call, datastore, id);
}

absl::StatusOr<VersionedTask> TaskFrontend::Resume(const Call& call,
                                                   const std::string& datastore,
                                                   const Uuid& id) {
  RETURN_IF_ERROR(
      WithTaskReason(dependencies_.tasks->Resume(call, datastore, id)));
  return Get(call, datastore, id);
}

}  // namespace cairn::maintenance
