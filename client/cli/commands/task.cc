#include "client/cli/commands/task.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/commands/task_run.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "client/cli/render/task.h"
#include "client/cli/render/task_report.h"
#include "client/cli/span.h"
#include "client/cli/task_argument.h"
#include "client/maintenance/task_follow.h"
#include "client/maintenance/task_reasons.h"
#include "client/remote/call_with_retries.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::Task;
using maintenance::v1::TaskLogLine;

struct Arguments {
  std::string task;
  bool active = false;
  std::string kind;
  std::string state;
  std::string job;
  std::string since;
  bool follow = false;
  std::string retry_for = "5m";
};

void AddTaskRow(const Task& task, const Clock& clock, Table* table) {
  absl::Duration elapsed;
  if (task.has_start_time()) {
    const absl::Time end =
        task.has_end_time() ? absl::FromUnixSeconds(task.end_time().seconds())
                            : clock.Now();
    elapsed = end - absl::FromUnixSeconds(task.start_time().seconds());
  }
  table->AddRow({LastPart(task.name()), TaskKindName(task.kind()),
                 TaskStateName(task.state()), task.phase(),
                 FormatTime(task.create_time()),
                 task.has_start_time() ? FormatSpan(elapsed) : "-",
                 LastPart(task.job()), task.principal()});
}

absl::StatusOr<maintenance::v1::ListTasksRequest> MakeListRequest(
    const Arguments& arguments, CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  maintenance::v1::ListTasksRequest request;
  request.set_datastore("datastores/" + scope.datastore);
  request.set_page_size(kPageSize);
  request.set_active_only(arguments.active);
  maintenance::v1::TaskKind kind = maintenance::v1::TASK_KIND_UNSPECIFIED;
  maintenance::v1::TaskState state = maintenance::v1::TASK_STATE_UNSPECIFIED;
  // The words were checked when they were parsed.
  maintenance::v1::TaskKind_Parse(
      "TASK_KIND_" + absl::AsciiStrToUpper(arguments.kind), &kind);
  maintenance::v1::TaskState_Parse(
      "TASK_STATE_" + absl::AsciiStrToUpper(arguments.state), &state);
  request.set_kind(kind);
  request.set_state(state);
  if (!arguments.job.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_job(),
                     ParseJobArgument(arguments.job, scope.datastore));
  }
  if (!arguments.since.empty()) {
    ASSIGN_OR_RETURN(const int64_t seconds,
                     ParseSpan(arguments.since, "--since"));
    request.mutable_not_before()->set_seconds(std::max<int64_t>(
        0, absl::ToUnixSeconds(context.console().clock->Now()) - seconds));
  }
  return request;
}

absl::StatusOr<ExitCode> RunList(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(maintenance::v1::ListTasksRequest request,
                   MakeListRequest(arguments, context));
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  Json list = Json::array();
  Table table({{"TASK"},
               {"KIND"},
               {"STATE"},
               {"PHASE"},
               {"CREATED"},
               {"TOOK", Table::Align::kRight},
               {"JOB"},
               {"BY"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return remote->ListTasks(request);
      },
      [&](const maintenance::v1::ListTasksResponse& page) {
        for (const Task& task : page.tasks()) {
          if (context.json()) {
            list.push_back(ToJson(task));
          } else {
            AddTaskRow(task, *context.console().clock, &table);
          }
        }
      }));
  if (context.json()) {
    context.out() << Print({{"tasks", std::move(list)}});
  } else {
    table.Print(context.out(), "no such tasks in " + request.datastore());
  }
  return kExitOk;
}

// The resource name of TASK.
absl::StatusOr<std::string> NameOf(const std::string& text,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  return ResolveTask(text, scope.datastore, *remote);
}

absl::StatusOr<ExitCode> RunShow(const Arguments& arguments,
                                 CommandContext& context) {
  maintenance::v1::GetTaskRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), NameOf(arguments.task, context));
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  ASSIGN_OR_RETURN(const maintenance::v1::GetTaskResponse response,
                   remote->GetTask(request));
  if (context.json()) {
    context.out() << Print({{"task", ToJson(response.task())}});
  } else {
    PrintTask(response.task(), context.out());
  }
  return kExitOk;
}

void PrintLine(const TaskLogLine& line, CommandContext& context) {
  if (context.json()) {
    context.out() << ToJson(line).dump(-1, ' ', false,
                                       Json::error_handler_t::replace);
  } else {
    context.out() << DescribeLine(line);
  }
  // Whoever follows sees it now.
  context.out() << std::endl;
}

absl::StatusOr<ExitCode> RunLog(const Arguments& arguments,
                                CommandContext& context) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TaskRun> run,
                   TaskRun::Open(arguments.retry_for, context));
  ASSIGN_OR_RETURN(const std::string name, NameOf(arguments.task, context));
  if (arguments.follow) {
    const TaskListener listener = {
        .line = [&](const TaskLogLine& line) { PrintLine(line, context); }};
    const absl::Status followed =
        FollowTask(name, 0, run->remote(), run->budget(), listener).status();
    if (!followed.ok() && context.console().interrupt->raised()) {
      return WithReason(absl::CancelledError(absl::StrCat(
                            "interrupted; ", Printable(name), " goes on")),
                        kTaskGoesOn);
    }
    RETURN_IF_ERROR(followed);
    return kExitOk;
  }
  maintenance::v1::ListTaskLogRequest request;
  request.set_name(name);
  request.set_page_size(kPageSize);
  while (context.out().good()) {
    ASSIGN_OR_RETURN(const maintenance::v1::ListTaskLogResponse page,
                     CallWithRetries(run->budget(), [&] {
                       return run->remote().ListTaskLog(request);
                     }));
    uint64_t last = request.after_sequence();
    for (const TaskLogLine& line : page.lines()) {
      if (line.sequence() <= last) continue;
      last = line.sequence();
      PrintLine(line, context);
    }
    // No page that brings nothing new is asked for again.
    if (page.done() || last == request.after_sequence()) break;
    request.set_after_sequence(last);
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunWatch(const Arguments& arguments,
                                  CommandContext& context) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TaskRun> run,
                   TaskRun::Open(arguments.retry_for, context));
  ASSIGN_OR_RETURN(const std::string name, NameOf(arguments.task, context));
  return run->Watch(name);
}

// Cancel, pause and resume: a call whose answer has the task.
template <typename Request, typename Response>
absl::StatusOr<ExitCode> Change(
    const Arguments& arguments, CommandContext& context,
    absl::StatusOr<Response> (MaintenanceRemote::*call)(const Request&)) {
  Request request;
  ASSIGN_OR_RETURN(*request.mutable_name(), NameOf(arguments.task, context));
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  ASSIGN_OR_RETURN(const Response response, (remote->*call)(request));
  if (context.json()) {
    context.out() << Print({{"task", ToJson(response.task())}});
  } else {
    context.out() << Printable(response.task().name()) << " is "
                  << TaskStateName(response.task().state()) << "\n";
  }
  return kExitOk;
}

using Run = absl::StatusOr<ExitCode> (*)(const Arguments&, CommandContext&);

// A subcommand that works on one TASK.
std::shared_ptr<Arguments> AddOn(CLI::App* parent, const char* name,
                                 const std::string& description, Run run,
                                 Action* chosen, CLI::App** command = nullptr) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* added = AddCommand(parent, name, description,
                               absl::StrCat("cairn task ", name, " 1f3a2b4c"));
  added
      ->add_option("TASK", arguments->task,
                   "its UUID, the first characters of it (4 or more), or "
                   "datastores/D/tasks/UUID")
      ->required();
  added->callback([arguments, run, chosen] {
    *chosen = [arguments, run](CommandContext& context) {
      return run(*arguments, context);
    };
  });
  if (command != nullptr) *command = added;
  return arguments;
}

void AddList(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* list =
      AddCommand(parent, "list", "List the tasks of a datastore, newest first",
                 "cairn task list --active\n"
                 "cairn task list --kind gc --state failed --since 30d\n"
                 "cairn task list --job nightly");
  list->add_flag("--active", arguments->active, "those that have not ended");
  list->add_option("--kind", arguments->kind, "prune, gc or verify only")
      ->check(CLI::IsMember({"prune", "gc", "verify"}));
  list->add_option("--state", arguments->state, "those in this state only")
      ->check(CLI::IsMember({"queued", "running", "paused", "succeeded",
                             "failed", "cancelled", "interrupted"}));
  list->add_option("--job", arguments->job, "those of this job only");
  list->add_option("--since", arguments->since,
                   "not older than this, such as 7d")
      ->type_name("SPAN");
  list->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunList(*arguments, context);
    };
  });
}

}  // namespace

void AddTaskCommand(CLI::App* root, Action* chosen) {
  CLI::App* task = AddCommand(
      root, "task",
      "Show, watch and stop what prune, gc and verify do: running tasks and "
      "those that have ended",
      "cairn task list --active\ncairn task watch 1f3a2b4c");
  task->require_subcommand(1);
  AddList(task, chosen);
  AddOn(task, "show", "Show a task: how far it is, or its result", RunShow,
        chosen);
  CLI::App* log = nullptr;
  const auto log_arguments =
      AddOn(task, "log", "Print the log of a task; as JSON an object a line",
            RunLog, chosen, &log);
  log->add_flag("--follow", log_arguments->follow,
                "go on until the task has ended");
  AddRetryFor(log, &log_arguments->retry_for);
  CLI::App* watch = nullptr;
  const auto watch_arguments =
      AddOn(task, "watch",
            "Follow a task to its end and print its result; exit codes as of "
            "--wait",
            RunWatch, chosen, &watch);
  AddRetryFor(watch, &watch_arguments->retry_for);
  AddOn(
      task, "cancel", "Stop a task at its next step; what it did stays done",
      [](const Arguments& arguments, CommandContext& context) {
        return Change(arguments, context, &MaintenanceRemote::CancelTask);
      },
      chosen);
  AddOn(
      task, "pause", "Let a task wait at its next step",
      [](const Arguments& arguments, CommandContext& context) {
        return Change(arguments, context, &MaintenanceRemote::PauseTask);
      },
      chosen);
  AddOn(
      task, "resume", "Let a task that was paused go on",
      [](const Arguments& arguments, CommandContext& context) {
        return Change(arguments, context, &MaintenanceRemote::ResumeTask);
      },
      chosen);
}

}  // namespace cairn::client
