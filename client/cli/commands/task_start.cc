#include "client/cli/commands/task_start.h"

#include <memory>

#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<ExitCode> StartTask(const TaskStart& start,
                                   const RunArguments& arguments,
                                   CommandContext& context) {
  maintenance::v1::TaskOptions options;
  if (arguments.job.empty()) {
    ASSIGN_OR_RETURN(options, start.make_options());
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<TaskRun> run,
                   TaskRun::Open(arguments.retry_for, context));
  if (!arguments.job.empty()) {
    ASSIGN_OR_RETURN(const maintenance::v1::Job job,
                     run->GetJob(arguments.job, start.kind));
    if (!arguments.dry_run) return run->StartJob(job.name(), arguments);
    options = job.options();
  }
  if (arguments.dry_run) return start.dry_run(options, *run);
  return run->Start(options, arguments);
}

}  // namespace cairn::client
