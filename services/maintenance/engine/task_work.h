#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/engine/gc_run.h"
#include "services/maintenance/engine/prune_run.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/engine/sweep_session.h"
#include "services/maintenance/engine/verify_run.h"
#include "services/maintenance/metrics.h"

namespace cairn::maintenance {

// Between the bytes that rows keep of options and results and what they mean.
class TaskCodec {
 public:
  virtual ~TaskCodec() = default;
  // InvalidArgument: no options of that kind, or out of bounds.
  virtual absl::StatusOr<RunOptions> DecodeOptions(
      TaskKind kind, std::string_view options) const = 0;
  virtual std::string EncodeResult(const RunResult& result) const = 0;
};

// Does what a task was made for, on the caller's thread. Thread-safe.
class TaskWork {
 public:
  struct Options {
    GcRun::Options gc;
    VerifyRun::Options verify;
    RunTimes times;
  };
  // All outlive the object.
  struct Dependencies {
    RunPeers peers;
    const Pruner* pruner = nullptr;
    const TaskCodec* codec = nullptr;
    MaintenanceMetrics* metrics = nullptr;
    // OK: index and chunk_storage answer.
    std::function<absl::Status()> ask;
  };

  TaskWork(const Options& options, const Dependencies& dependencies)
      : options_(options), dependencies_(dependencies) {}

  // The encoded result.
  absl::StatusOr<std::string> Run(const Task& task, RunControl& control) const;

 private:
  absl::StatusOr<RunResult> RunOne(const Uuid& task,
                                   const PruneRunOptions& asked,
                                   RunControl& control) const;
  absl::StatusOr<RunResult> RunOne(const Uuid& task, const GcRunOptions& asked,
                                   RunControl& control) const;
  absl::StatusOr<RunResult> RunOne(const Uuid& task,
                                   const VerifyRunOptions& asked,
                                   RunControl& control) const;

  const Options options_;
  const Dependencies dependencies_;
};

}  // namespace cairn::maintenance
