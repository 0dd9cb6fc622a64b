#include "client/cli/commands/task_run.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"
#include "client/cli/render/task.h"
#include "client/cli/render/task_options.h"
#include "client/cli/render/task_report.h"
#include "client/cli/task_argument.h"
#include "client/maintenance/task_follow.h"
#include "client/maintenance/task_reasons.h"
#include "client/remote/call_with_retries.h"
#include "client/remote/grpc_task_status.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::Task;
using maintenance::v1::TaskLogLine;

// "gc datastores/default/tasks/..."
std::string Title(const Task& task) {
  return absl::StrCat(TaskKindName(task.kind()), " ", Printable(task.name()));
}

// Of a task that failed with `error`: whether its reason tells a script more
// than that it failed.
bool HasCodeOfItsOwn(const absl::Status& error) {
  if (!HasKnownReason(error)) return false;
  const ExitCode code = ExitCodeOf(error);
  return code == kExitBusy || code == kExitNotAllowed || code == kExitDamaged ||
         code == kExitRefused;
}

std::string RequestIdOf(const RunArguments& arguments,
                        CommandContext& context) {
  return arguments.request_id.empty()
             ? Uuid::Random(context.random()).ToString()
             : arguments.request_id;
}

}  // namespace

void AddRetryFor(CLI::App* command, std::string* retry_for) {
  command->add_option("--retry-for", *retry_for,
                      "keep trying this long while the server is away "
                      "(default 5m)");
}

void AddRunOptions(CLI::App* command, RunArguments* arguments) {
  command->add_flag("--wait", arguments->wait,
                    "follow the task to its end and print its result; the "
                    "exit code tells how it ended. Ctrl-C ends the waiting, "
                    "not the task");
  command->add_option("--request-id", arguments->request_id,
                      "1 to 128 characters that name this run: the same again "
                      "is the same task, running or ended, and starts no "
                      "second one (default: a random one)");
  AddRetryFor(command, &arguments->retry_for);
}

void AddJobOption(CLI::App* command, RunArguments* arguments) {
  std::vector<CLI::Option*> others;
  for (CLI::Option* option : command->get_options()) {
    if (option != command->get_help_ptr()) others.push_back(option);
  }
  CLI::Option* job = command->add_option(
      "--job", arguments->job,
      "run this job now, with the options that it has (`cairn job show`)");
  for (CLI::Option* option : others) job->excludes(option);
}

void AddDryRun(CLI::App* command, RunArguments* arguments) {
  command->add_flag("--dry-run", arguments->dry_run,
                    "tell what would be done, and change nothing; waits for "
                    "the answer");
}

ExitCode ExitCodeOfResult(const Task& task) {
  const auto& result = task.result();
  if (result.has_prune()) {
    if (result.prune().failed() > 0) return kExitSourceProblems;
    if (result.prune().refused() > 0) return kExitRefused;
  }
  if (result.has_gc() && result.gc().missing_records() > 0) {
    return kExitDamaged;
  }
  if (result.has_verify() && (result.verify().verified_failed() > 0 ||
                              result.verify().damaged_records() > 0 ||
                              result.verify().missing_records() > 0)) {
    return kExitDamaged;
  }
  return kExitOk;
}

absl::Status ErrorOfTask(const Task& task) {
  switch (task.state()) {
    case maintenance::v1::TASK_STATE_FAILED: {
      absl::Status error = StatusOfTask(task);
      if (error.ok()) error = absl::UnknownError("no cause was told");
      error = WithContext(error, absl::StrCat(Title(task), " failed"));
      return HasCodeOfItsOwn(error) ? error
                                    : WithReason(std::move(error), kTaskFailed);
    }
    case maintenance::v1::TASK_STATE_CANCELLED:
      return WithReason(
          absl::CancelledError(absl::StrCat(Title(task), " was cancelled")),
          kTaskCancelled);
    case maintenance::v1::TASK_STATE_INTERRUPTED:
      return WithReason(
          absl::AbortedError(absl::StrCat(
              Title(task), " was interrupted: maintenance was restarted")),
          kTaskInterrupted);
    default:
      return absl::OkStatus();
  }
}

absl::StatusOr<std::unique_ptr<TaskRun>> TaskRun::Open(
    const std::string& retry_for, CommandContext& context) {
  ASSIGN_OR_RETURN(const absl::Duration total, ParseRetryFor(retry_for));
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  return std::unique_ptr<TaskRun>(new TaskRun(remote, total, context));
}

TaskRun::TaskRun(MaintenanceRemote* remote, absl::Duration retry_for,
                 CommandContext& context)
    : context_(context),
      remote_(remote),
      line_({.terminal = context.console().err_is_terminal,
             .quiet = context.quiet()},
            context.console().err, context.console().clock),
      budget_(MakeRetryBudget(context, retry_for, &line_)) {}

absl::StatusOr<ExitCode> TaskRun::Start(
    const maintenance::v1::TaskOptions& options,
    const RunArguments& arguments) {
  maintenance::v1::StartTaskRequest request;
  request.set_request_id(RequestIdOf(arguments, context_));
  *request.mutable_options() = options;
  return Report(
      CallWithRetries(budget_, [&] { return remote_->StartTask(request); }),
      request.request_id(), arguments.wait || arguments.dry_run);
}

absl::StatusOr<ExitCode> TaskRun::StartJob(const std::string& name,
                                           const RunArguments& arguments) {
  maintenance::v1::RunJobRequest request;
  request.set_request_id(RequestIdOf(arguments, context_));
  request.set_name(name);
  return Report(
      CallWithRetries(budget_, [&] { return remote_->RunJob(request); }),
      request.request_id(), arguments.wait);
}

absl::StatusOr<maintenance::v1::Job> TaskRun::GetJob(
    const std::string& job, maintenance::v1::TaskKind kind) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context_.scope());
  maintenance::v1::GetJobRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(),
                   ParseJobArgument(job, scope.datastore));
  ASSIGN_OR_RETURN(
      const maintenance::v1::GetJobResponse response,
      CallWithRetries(budget_, [&] { return remote_->GetJob(request); }));
  const maintenance::v1::TaskKind found = KindOf(response.job().options());
  if (found != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat("job ", request.name(), " is one of ", TaskKindName(found),
                     ", not of ", TaskKindName(kind)));
  }
  return response.job();
}

template <typename Response>
absl::StatusOr<ExitCode> TaskRun::Report(absl::StatusOr<Response> started,
                                         const std::string& request_id,
                                         bool wait) {
  if (!started.ok()) {
    const absl::Status& error = started.status();
    if (context_.console().interrupt->raised()) {
      return WithReason(
          absl::CancelledError(absl::StrCat(
              "interrupted before the answer; if the task was started, it goes "
              "on, with request id ",
              request_id)),
          kTaskGoesOn);
    }
    if (!IsPassing(error)) return error;
    return WithContext(error, absl::StrCat("request id ", request_id));
  }
  const Task& task = started->task();
  Json document = {{"task", ToJson(task)}, {"attached", started->attached()}};
  if (wait || HasEnded(task)) return Follow(task, std::move(document));
  if (context_.json()) {
    context_.out() << Print(document);
  } else {
    context_.out() << Title(task) << " " << TaskStateName(task.state())
                   << (started->attached() ? ", as it was before" : "")
                   << "\nfollow it with: cairn task watch "
                   << Printable(task.name()) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> TaskRun::Watch(const std::string& name) {
  maintenance::v1::GetTaskRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(
      const maintenance::v1::GetTaskResponse response,
      CallWithRetries(budget_, [&] { return remote_->GetTask(request); }));
  return Follow(response.task(), {{"task", ToJson(response.task())}});
}

absl::StatusOr<ExitCode> TaskRun::Follow(const Task& task, Json document) {
  Task last = task;
  if (!context_.quiet()) line_.Note(Title(task));
  const TaskListener listener = {
      .task =
          [&](const Task& now) {
            last = now;
            if (!HasEnded(now)) line_.Update(DescribeProgress(now));
          },
      .line =
          [&](const TaskLogLine& line) {
            if (context_.quiet() && line.severity() == TaskLogLine::INFO) {
              return;
            }
            line_.Note(DescribeLine(line));
          }};
  const absl::StatusOr<Task> ended =
      FollowTask(task.name(), 0, *remote_, budget_, listener);
  line_.Clear();
  document["task"] = ToJson(last);
  context_.error_document() = document;
  if (!ended.ok()) {
    if (context_.console().interrupt->raised()) {
      return WithReason(absl::CancelledError(absl::StrCat(
                            "interrupted; ", Title(last), " goes on")),
                        kTaskGoesOn);
    }
    return ended.status();
  }
  RETURN_IF_ERROR(ErrorOfTask(*ended));
  if (context_.json()) {
    context_.out() << Print(document);
  } else {
    context_.out() << Title(*ended) << " succeeded\n";
    PrintResult(*ended, context_.out());
  }
  return ExitCodeOfResult(*ended);
}

}  // namespace cairn::client
