#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/cli/command.h"
#include "client/cli/commands/task_run.h"

namespace cairn::client {

// What `cairn prune`, `gc` and `verify` differ in when they start a task.
struct TaskStart {
  maintenance::v1::TaskKind kind = maintenance::v1::TASK_KIND_UNSPECIFIED;
  // Of the command's own arguments; not called with --job.
  std::function<absl::StatusOr<maintenance::v1::TaskOptions>()> make_options;
  // In the place of the start with --dry-run, with the options of the command
  // or of its job. May be empty if the command has no --dry-run.
  std::function<absl::StatusOr<ExitCode>(
      const maintenance::v1::TaskOptions& options, TaskRun& run)>
      dry_run;
};

// Starts the task, or the job of --job, or only tells what it would do.
absl::StatusOr<ExitCode> StartTask(const TaskStart& start,
                                   const RunArguments& arguments,
                                   CommandContext& context);

}  // namespace cairn::client
