#include "services/maintenance/engine/task_run.h"

#include <utility>

#include "common/log/log.h"
#include "services/maintenance/engine/task_registry.h"

namespace cairn::maintenance {

TaskRun::TaskRun(TaskRun&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)),
      id_(other.id_),
      cancellation_(std::move(other.cancellation_)) {}

TaskRun::~TaskRun() {
  if (registry_ == nullptr) return;
  const absl::Status ended = Finish(
      absl::InternalError("the run ended without a result"), std::string());
  if (!ended.ok()) {
    LOG(WARNING) << "task not ended task=" << id_.ToString()
                 << " error=" << ended;
  }
}

absl::Status TaskRun::Report(std::string_view phase,
                             std::vector<TaskCounter> counters) {
  return registry_->Report(id_, phase, std::move(counters));
}

absl::Status TaskRun::Log(LogLevel level, std::string_view text) {
  return registry_->Log(id_, level, text);
}

absl::Status TaskRun::WaitWhilePaused() {
  return registry_->WaitWhilePaused(id_);
}

absl::Status TaskRun::Finish(const absl::Status& status, std::string result) {
  TaskRegistry* const registry = std::exchange(registry_, nullptr);
  return registry->Finish(id_, status, std::move(result));
}

}  // namespace cairn::maintenance
