#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/concurrency/cancellation.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/engine/task_run.h"

namespace cairn::maintenance {

// Shows a run in its task, and stops it when the task is cancelled or the
// process ends. Used by one run on one thread.
class TaskControl final : public RunControl {
 public:
  // `run` outlives the control. `stop` is cancelled when the process ends, and
  // with the task's own cancellation; so it is the token of the run's calls.
  // `phases` is told of each change of the phase, from "" to "" at last.
  using ShowPhase =
      std::function<void(const std::string& from, const std::string& to)>;
  TaskControl(TaskRun* run, std::shared_ptr<CancellationToken> stop,
              ShowPhase phases);
  ~TaskControl() override;
  TaskControl(const TaskControl&) = delete;
  TaskControl& operator=(const TaskControl&) = delete;

  absl::Status Checkpoint() override;
  const CancellationToken* cancellation() const override { return stop_.get(); }
  void SetPhase(std::string_view phase) override;
  void SetCounter(std::string_view name, uint64_t value) override;
  void Log(LogLevel level, std::string text) override;

 private:
  // That progress cannot be shown ends no run; it is logged once.
  void Note(const absl::Status& status);
  void Report();

  TaskRun* const run_;
  const std::shared_ptr<CancellationToken> stop_;
  const CancellationToken::CallbackId callback_;
  const ShowPhase phases_;
  std::string phase_;
  std::vector<TaskCounter> counters_;
  bool noted_ = false;
};

}  // namespace cairn::maintenance
