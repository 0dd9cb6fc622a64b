#include "services/maintenance/engine/task_control.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {

TaskControl::TaskControl(TaskRun* run, std::shared_ptr<CancellationToken> stop,
                         ShowPhase phases)
    : run_(run),
      stop_(std::move(stop)),
      callback_(
          run->cancellation()->AddCallback([stop = stop_] { stop->Cancel(); })),
      phases_(std::move(phases)) {}

TaskControl::~TaskControl() {
  run_->cancellation()->RemoveCallback(callback_);
  phases_(phase_, "");
}

absl::Status TaskControl::Checkpoint() {
  RETURN_IF_ERROR(stop_->Check());
  RETURN_IF_ERROR(run_->WaitWhilePaused());
  return stop_->Check();
}

void TaskControl::SetPhase(std::string_view phase) {
  std::string next(phase);
  phases_(phase_, next);
  phase_ = std::move(next);
  Report();
}

void TaskControl::SetCounter(std::string_view name, uint64_t value) {
  const auto known = std::find_if(
      counters_.begin(), counters_.end(),
      [name](const TaskCounter& counter) { return counter.name == name; });
  if (known == counters_.end()) {
    counters_.push_back({std::string(name), value});
  } else if (known->value == value) {
    return;
  } else {
    known->value = value;
  }
  Report();
}

void TaskControl::Report() { Note(run_->Report(phase_, counters_)); }

void TaskControl::Log(LogLevel level, std::string text) {
  Note(run_->Log(level, text));
}

void TaskControl::Note(const absl::Status& status) {
  if (status.ok() || noted_) return;
  noted_ = true;
  LOG(WARNING) << "progress not shown task=" << run_->id().ToString()
               << " error=" << status;
}

}  // namespace cairn::maintenance
