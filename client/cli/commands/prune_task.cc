#include "client/cli/commands/prune_task.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/task_options.h"
#include "client/cli/commands/task_run.h"
#include "client/cli/commands/task_start.h"
#include "client/cli/render/format.h"
#include "client/cli/render/task.h"
#include "client/cli/render/task_report.h"
#include "client/remote/call_with_retries.h"
#include "common/model/names.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::PlanPruneRequest;
using maintenance::v1::PlanPruneResponse;
using maintenance::v1::PruneDecision;
using maintenance::v1::PruneResult;

// As many as a server plans.
constexpr size_t kMaxDecisions = 1'000'000;

struct Arguments {
  PruneArguments prune;
  std::string plan_hash;
  RunArguments run;
};

struct Plan {
  std::vector<PruneDecision> decisions;
  PruneResult result;
};

absl::StatusOr<Plan> ReadPlan(const PlanPruneRequest& request,
                              MaintenanceRemote& remote) {
  Plan plan;
  bool whole = false;
  const std::unique_ptr<PlanStream> stream = remote.StartPlan(request);
  while (true) {
    ASSIGN_OR_RETURN(std::optional<PlanPruneResponse> message, stream->Next());
    if (!message.has_value()) break;
    for (PruneDecision& decision : *message->mutable_decisions()) {
      plan.decisions.push_back(std::move(decision));
    }
    if (plan.decisions.size() > kMaxDecisions) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the plan has more than ", kMaxDecisions,
                       " snapshots; plan a part of it, with --namespace or "
                       "--group"));
    }
    if (message->has_result()) {
      plan.result = message->result();
      whole = true;
    }
  }
  if (!whole) return absl::UnavailableError("the plan ended in the middle");
  return plan;
}

// A heading for each group, below it a line for each snapshot.
void PrintPlan(const Plan& plan, std::ostream& out) {
  std::string heading;
  for (const PruneDecision& decision : plan.decisions) {
    const absl::StatusOr<SnapshotName> name =
        SnapshotName::Parse(decision.snapshot());
    const std::string group =
        name.ok() ? name->group.ToString() : decision.snapshot();
    if (group != heading) {
      heading = group;
      out << Printable(group) << "\n";
    }
    constexpr size_t kActionWidth = 14;  // of the longest, and two blanks
    std::string action = PruneActionText(decision.action());
    action.resize(std::max(action.size(), kActionWidth), ' ');
    out << "  " << (name.ok() ? FormatSnapshotTime(name->time) : "?") << "  "
        << action << Printable(decision.reason()) << "\n";
  }
  if (!plan.decisions.empty()) out << "\n";
  PrintPruneCounts(plan.result, true, out);
}

absl::StatusOr<ExitCode> RunPlan(const maintenance::v1::PruneOptions& options,
                                 TaskRun& run, CommandContext& context) {
  PlanPruneRequest request;
  *request.mutable_options() = options;
  request.mutable_options()->set_validate_only(true);
  ASSIGN_OR_RETURN(const Plan plan, CallWithRetries(run.budget(), [&] {
                     return ReadPlan(request, run.remote());
                   }));
  if (context.json()) {
    Json decisions = Json::array();
    for (const PruneDecision& decision : plan.decisions) {
      decisions.push_back(ToJson(decision));
    }
    // A plan takes no task.
    context.out() << Print({{"task", nullptr},
                            {"plan_hash", plan.result.plan_hash()},
                            {"result", ToJson(plan.result)},
                            {"decisions", std::move(decisions)}});
  } else {
    PrintPlan(plan, context.out());
  }
  return plan.result.refused() > 0 ? kExitRefused : kExitOk;
}

absl::StatusOr<ExitCode> RunPrune(const Arguments& arguments,
                                  CommandContext& context) {
  const auto make_options =
      [&]() -> absl::StatusOr<maintenance::v1::TaskOptions> {
    ASSIGN_OR_RETURN(maintenance::v1::TaskOptions options,
                     MakePruneOptions(arguments.prune, context));
    options.mutable_prune()->set_plan_hash(arguments.plan_hash);
    return options;
  };
  return StartTask(
      {.kind = maintenance::v1::TASK_KIND_PRUNE,
       .make_options = make_options,
       .dry_run =
           [&](const maintenance::v1::TaskOptions& options, TaskRun& run) {
             return RunPlan(options.prune(), run, context);
           }},
      arguments.run, context);
}

// Options of `prune` do not reach a subcommand of it, which has its own.
void RefuseOptions(const CLI::App& prune, Action* chosen) {
  for (const CLI::Option* option : prune.get_options()) {
    if (option->count() == 0) continue;
    *chosen = [name = option->get_name()](
                  CommandContext&) -> absl::StatusOr<ExitCode> {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " is an option of `cairn prune`, not of a command below it"));
    };
  }
}

}  // namespace

void SetUpPruneTask(CLI::App* prune, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  AddPruneOptions(prune, &arguments->prune);
  prune
      ->add_option("--plan", arguments->plan_hash,
                   "do exactly what the plan of this hash says, as --dry-run "
                   "printed it, or nothing (exit code 14)")
      ->type_name("HASH");
  AddJobOption(prune, &arguments->run);
  AddDryRun(prune, &arguments->run);
  AddRunOptions(prune, &arguments->run);
  prune->callback([prune, arguments, chosen] {
    if (!prune->get_subcommands().empty()) {
      RefuseOptions(*prune, chosen);
      return;
    }
    *chosen = [arguments](CommandContext& context) {
      return RunPrune(*arguments, context);
    };
  });
}

}  // namespace cairn::client
