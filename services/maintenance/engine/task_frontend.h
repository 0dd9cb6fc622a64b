#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/engine/task_registry.h"
#include "services/maintenance/engine/task_runner.h"

namespace cairn::maintenance {

// A task and the version of it that this is.
struct VersionedTask {
  Task task;
  uint64_t version = 0;
};

// What callers of TaskService ask, with the reasons that they act on.
// Thread-safe.
class TaskFrontend {
 public:
  struct Options {
    // Who watches is told of progress no more often; of the end at once.
    absl::Duration watch_period = absl::Milliseconds(500);
  };
  // All outlive the frontend.
  struct Dependencies {
    TaskRegistry* tasks = nullptr;
    TaskRunner* runner = nullptr;
  };
  // False: whoever watches is gone.
  using Take = absl::FunctionRef<bool(const VersionedTask& task,
                                      const std::vector<LogLine>& lines)>;

  TaskFrontend(const Options& options, const Dependencies& dependencies)
      : options_(options), dependencies_(dependencies) {}

  // As TaskRunner::Start. InvalidArgument (REQUEST_ID_REUSED).
  absl::StatusOr<StartedTask> Start(const TaskRequest& request);
  // NotFound (TASK_UNKNOWN), here and below.
  absl::StatusOr<VersionedTask> Get(const Call& call,
                                    const std::string& datastore,
                                    const Uuid& id);
  // A page may hold fewer than asked for and still name a next one.
  absl::StatusOr<ListPage<Task>> List(const TaskQuery& query, bool active_only,
                                      const PageRequest& page);
  // Hands out the task at once, and again with each change and with the log
  // lines after `after`, until its end was handed out.
  absl::Status Watch(const Call& call, const std::string& datastore,
                     const Uuid& id, uint64_t after, Take take);
  absl::StatusOr<std::vector<LogLine>> ReadLog(const std::string& datastore,
                                               const Uuid& id, uint64_t after,
                                               size_t limit);
  // FailedPrecondition (TASK_STATE).
  absl::StatusOr<VersionedTask> Cancel(const Call& call,
                                       const std::string& datastore,
                                       const Uuid& id);
  absl::StatusOr<VersionedTask> Pause(const Call& call,
                                      const std::string& datastore,
                                      const Uuid& id);
  absl::StatusOr<VersionedTask> Resume(const Call& call,
                                       const std::string& datastore,
                                       const Uuid& id);

 private:
  const Options options_;
  const Dependencies dependencies_;
};

}  // namespace cairn::maintenance
