#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/cli/command.h"
#include "client/cli/render/progress.h"
#include "client/remote/maintenance_remote.h"
#include "client/remote/retry_budget.h"

namespace cairn::client {

// What every command that starts a task takes.
struct RunArguments {
  bool wait = false;
  bool dry_run = false;
  std::string request_id;  // empty: a random one
  std::string job;         // empty: the options of the command
  std::string retry_for = "5m";
};

// Adds --wait, --request-id and --retry-for.
void AddRunOptions(CLI::App* command, RunArguments* arguments);

// Adds --job, which excludes all options and arguments that `command` has by
// now: those that a job has itself.
void AddJobOption(CLI::App* command, RunArguments* arguments);

// Adds --dry-run.
void AddDryRun(CLI::App* command, RunArguments* arguments);

void AddRetryFor(CLI::App* command, std::string* retry_for);

// What a task that succeeded means for a script.
ExitCode ExitCodeOfResult(const maintenance::v1::Task& task);

// Why a task that has ended did not succeed, with a reason that has an exit
// code; OK if it did.
absl::Status ErrorOfTask(const maintenance::v1::Task& task);

// A command at work with maintenance: repeats calls while the server is away,
// and follows tasks. One thread.
class TaskRun {
 public:
  // InvalidArgument: `retry_for`, or the settings. `context` outlives it.
  static absl::StatusOr<std::unique_ptr<TaskRun>> Open(
      const std::string& retry_for, CommandContext& context);

  MaintenanceRemote& remote() { return *remote_; }
  RetryBudget& budget() { return budget_; }
  ProgressLine& line() { return line_; }

  // Starts a task. Reports that it runs, or, if it was to be waited for or
  // has ended by now, follows it and reports its result.
  absl::StatusOr<ExitCode> Start(const maintenance::v1::TaskOptions& options,
                                 const RunArguments& arguments);
  // The same of the job `name`.
  absl::StatusOr<ExitCode> StartJob(const std::string& name,
                                    const RunArguments& arguments);
  // The job that --job names. InvalidArgument: it is of another kind.
  absl::StatusOr<maintenance::v1::Job> GetJob(const std::string& job,
                                              maintenance::v1::TaskKind kind);
  // Follows a task to its end, with all log lines, and reports its result.
  absl::StatusOr<ExitCode> Watch(const std::string& name);

 private:
  TaskRun(MaintenanceRemote* remote, absl::Duration retry_for,
          CommandContext& context);

  // What a start answered: StartTaskResponse or RunJobResponse.
  template <typename Response>
  absl::StatusOr<ExitCode> Report(absl::StatusOr<Response> started,
                                  const std::string& request_id, bool wait);
  absl::StatusOr<ExitCode> Follow(const maintenance::v1::Task& task,
                                  Json document);

  CommandContext& context_;
  MaintenanceRemote* const remote_;
  ProgressLine line_;
  RetryBudget budget_;
};

}  // namespace cairn::client
