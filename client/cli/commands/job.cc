#include "client/cli/commands/job.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/task_options.h"
#include "client/cli/commands/task_run.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "client/cli/render/task.h"
#include "client/cli/render/task_options.h"
#include "client/cli/render/task_report.h"
#include "client/cli/task_argument.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::Job;

struct Arguments {
  std::string job;
  std::string schedule;
  std::string time_zone;
  std::string comment;
  bool disable = false;
  PruneArguments prune;
  GcArguments gc;
  VerifyArguments verify;
  RunArguments run;
};

using Run = absl::StatusOr<ExitCode> (*)(const Arguments&, CommandContext&);

absl::StatusOr<std::string> NameOf(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  return ParseJobArgument(arguments.job, scope.datastore);
}

ExitCode Report(const Job& job, CommandContext& context) {
  if (context.json()) {
    context.out() << Print({{"job", ToJson(job)}});
  } else {
    PrintJob(job, context.out());
  }
  return kExitOk;
}

absl::StatusOr<Job> GetJob(const Arguments& arguments,
                           CommandContext& context) {
  maintenance::v1::GetJobRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), NameOf(arguments, context));
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  ASSIGN_OR_RETURN(const maintenance::v1::GetJobResponse response,
                   remote->GetJob(request));
  return response.job();
}

absl::StatusOr<ExitCode> PutJob(const Job& job, CommandContext& context) {
  maintenance::v1::PutJobRequest request;
  *request.mutable_job() = job;
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  ASSIGN_OR_RETURN(const maintenance::v1::PutJobResponse response,
                   remote->PutJob(request));
  return Report(response.job(), context);
}

absl::StatusOr<ExitCode> RunList(CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  maintenance::v1::ListJobsRequest request;
  request.set_datastore("datastores/" + scope.datastore);
  request.set_page_size(kPageSize);
  Json list = Json::array();
  Table table({{"JOB"},
               {"KIND"},
               {"SCHEDULE"},
               {"ZONE"},
               {"ENABLED"},
               {"NEXT"},
               {"LAST"},
               {"RESULT"},
               {"COMMENT"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return remote->ListJobs(request);
      },
      [&](const maintenance::v1::ListJobsResponse& page) {
        for (const Job& job : page.jobs()) {
          list.push_back(ToJson(job));
          table.AddRow(
              {LastPart(job.name()), TaskKindName(KindOf(job.options())),
               job.schedule().empty() ? "by hand" : job.schedule(),
               job.time_zone().empty() ? "UTC" : job.time_zone(),
               job.enabled() ? "yes" : "no", FormatTime(job.next_run()),
               FormatTime(job.last_run()),
               job.last_task().empty() ? "-" : TaskStateName(job.last_state()),
               job.comment()});
        }
      }));
  if (context.json()) {
    context.out() << Print({{"jobs", std::move(list)}});
  } else {
    table.Print(context.out(), "no jobs in " + request.datastore());
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunShow(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(const Job job, GetJob(arguments, context));
  return Report(job, context);
}

absl::StatusOr<ExitCode> RunDelete(const Arguments& arguments,
                                   CommandContext& context) {
  maintenance::v1::DeleteJobRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), NameOf(arguments, context));
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  RETURN_IF_ERROR(remote->DeleteJob(request).status());
  if (context.json()) {
    context.out() << Print({{"name", request.name()}});
  } else {
    context.out() << "deleted " << request.name() << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunRun(const Arguments& arguments,
                                CommandContext& context) {
  ASSIGN_OR_RETURN(const std::string name, NameOf(arguments, context));
  ASSIGN_OR_RETURN(const std::unique_ptr<TaskRun> run,
                   TaskRun::Open(arguments.run.retry_for, context));
  return run->StartJob(name, arguments.run);
}

template <bool kEnabled>
absl::StatusOr<ExitCode> RunEnable(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(Job job, GetJob(arguments, context));
  job.set_enabled(kEnabled);
  return PutJob(job, context);
}

absl::StatusOr<ExitCode> Set(
    const Arguments& arguments,
    absl::StatusOr<maintenance::v1::TaskOptions> options,
    const std::string& time_zone, CommandContext& context) {
  Job job;
  RETURN_IF_ERROR(options.status());
  *job.mutable_options() = *std::move(options);
  ASSIGN_OR_RETURN(*job.mutable_name(), NameOf(arguments, context));
  job.set_schedule(arguments.schedule);
  job.set_time_zone(time_zone);
  job.set_enabled(!arguments.disable);
  job.set_comment(arguments.comment);
  return PutJob(job, context);
}

absl::StatusOr<ExitCode> RunSetPrune(const Arguments& arguments,
                                     CommandContext& context) {
  // One zone for the periods and the schedule.
  return Set(arguments, MakePruneOptions(arguments.prune, context),
             arguments.prune.keep.time_zone, context);
}

absl::StatusOr<ExitCode> RunSetGc(const Arguments& arguments,
                                  CommandContext& context) {
  return Set(arguments, MakeGcOptions(arguments.gc, context),
             arguments.time_zone, context);
}

absl::StatusOr<ExitCode> RunSetVerify(const Arguments& arguments,
                                      CommandContext& context) {
  return Set(arguments, MakeVerifyOptions(arguments.verify, context),
             arguments.time_zone, context);
}

void SetRun(CLI::App* command, std::shared_ptr<Arguments> arguments, Run run,
            Action* chosen) {
  command->callback([arguments = std::move(arguments), run, chosen] {
    *chosen = [arguments, run](CommandContext& context) {
      return run(*arguments, context);
    };
  });
}

void AddScheduleOptions(CLI::App* command, Arguments* arguments) {
  command
      ->add_option("--schedule", arguments->schedule,
                   "when to run, a calendar event: daily, mon..fri 02:30, "
                   "sat *-1..7 15:00, *:0/30 (default: by hand only)")
      ->type_name("EVENT");
  command->add_flag("--disable", arguments->disable,
                    "keep it, and do not run it by its schedule");
  command->add_option("--comment", arguments->comment, "text for people");
}

void AddTimeZone(CLI::App* command, Arguments* arguments) {
  command
      ->add_option("--timezone", arguments->time_zone,
                   "of the schedule (default: UTC)")
      ->type_name("Europe/Vienna");
}

void AddSet(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* set = AddCommand(
      parent, "set",
      "Create a job, or give it other options: all of them, what is not given "
      "is as by default",
      "cairn job set nightly prune --recursive --keep-daily=7 --keep-weekly=4 "
      "--schedule=\"mon..fri 02:30\" --timezone=Europe/Vienna\n"
      "cairn job set weekly gc --schedule=\"sat 04:00\" --max-time=8h\n"
      "cairn job set prove verify --outdated-after=30d --schedule=daily");
  set->require_subcommand(1);
  set->add_option("NAME", arguments->job,
                  "of the job: 3 to 32 of A-Z a-z 0-9 . _ -")
      ->required();
  CLI::App* prune = AddCommand(
      set, "prune",
      "A job that prunes: options as of `cairn prune`; --timezone is that of "
      "the schedule too",
      "cairn job set nightly prune --keep-daily=7 --schedule=daily");
  AddPruneOptions(prune, &arguments->prune);
  AddScheduleOptions(prune, arguments.get());
  SetRun(prune, arguments, RunSetPrune, chosen);
  CLI::App* gc =
      AddCommand(set, "gc", "A job that frees space: options as of `cairn gc`",
                 "cairn job set weekly gc --schedule=\"sat 04:00\"");
  AddGcOptions(gc, &arguments->gc);
  AddScheduleOptions(gc, arguments.get());
  AddTimeZone(gc, arguments.get());
  SetRun(gc, arguments, RunSetGc, chosen);
  CLI::App* verify = AddCommand(
      set, "verify", "A job that verifies: options as of `cairn verify`",
      "cairn job set prove verify --outdated-after=30d --schedule=daily");
  AddVerifyOptions(verify, &arguments->verify);
  AddScheduleOptions(verify, arguments.get());
  AddTimeZone(verify, arguments.get());
  SetRun(verify, arguments, RunSetVerify, chosen);
}

// A subcommand that works on one job.
CLI::App* AddOn(CLI::App* parent, const char* name,
                const std::string& description, Run run,
                const std::shared_ptr<Arguments>& arguments, Action* chosen) {
  CLI::App* command = AddCommand(parent, name, description,
                                 absl::StrCat("cairn job ", name, " nightly"));
  command
      ->add_option("NAME", arguments->job,
                   "of the job, or datastores/D/jobs/NAME")
      ->required();
  SetRun(command, arguments, run, chosen);
  return command;
}

}  // namespace

void AddJobCommand(CLI::App* root, Action* chosen) {
  CLI::App* job = AddCommand(
      root, "job",
      "Set up what the server does by a calendar: prune, gc and verify",
      "cairn job list\n"
      "cairn job set nightly prune --keep-daily=7 --schedule=\"mon..fri "
      "02:30\"\n"
      "cairn job run nightly --wait");
  job->require_subcommand(1);
  CLI::App* list =
      AddCommand(job, "list", "List the jobs of a datastore, with their runs",
                 "cairn job list");
  list->callback([chosen] { *chosen = RunList; });
  AddSet(job, chosen);
  const auto fresh = [] { return std::make_shared<Arguments>(); };
  AddOn(job, "show", "Show a job: options, schedule, last and next run",
        RunShow, fresh(), chosen);
  AddOn(job, "delete", "Delete a job; its tasks stay listed", RunDelete,
        fresh(), chosen);
  const auto run_arguments = fresh();
  CLI::App* run =
      AddOn(job, "run",
            "Run a job now, also one that is disabled; once for each "
            "--request-id",
            RunRun, run_arguments, chosen);
  AddRunOptions(run, &run_arguments->run);
  // Both put the job as they have found it.
  constexpr char kLastWins[] =
      "; of two who change a job at once, here or by set, the last one wins";
  AddOn(job, "enable", absl::StrCat("Let a job run by its schedule", kLastWins),
        RunEnable<true>, fresh(), chosen);
  AddOn(job, "disable", absl::StrCat("Let a job run by hand only", kLastWins),
        RunEnable<false>, fresh(), chosen);
}

}  // namespace cairn::client
