#include "client/cli/commands/verify.h"

#include <memory>
#include <string>

#include "client/cli/commands/task_options.h"
#include "client/cli/commands/task_run.h"
#include "client/cli/commands/task_start.h"
#include "client/cli/render/task.h"
#include "client/cli/render/task_report.h"
#include "client/cli/snapshot_argument.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string snapshot;
  bool debt = false;
  VerifyArguments verify;
  RunArguments run;
};

absl::StatusOr<maintenance::v1::TaskOptions> MakeOptions(
    const Arguments& arguments, CommandContext& context) {
  ASSIGN_OR_RETURN(maintenance::v1::TaskOptions options,
                   MakeVerifyOptions(arguments.verify, context));
  if (arguments.snapshot.empty()) return options;
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(arguments.snapshot, scope));
  SnapshotName name = {.group = argument.group,
                       .time = argument.time.value_or(0)};
  if (!argument.time.has_value()) {
    ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
    ASSIGN_OR_RETURN(name, ResolveSnapshot(argument, *catalog));
  }
  options.mutable_verify()->set_scope(name.ToString());
  options.mutable_verify()->set_max_depth(0);
  return options;
}

absl::StatusOr<ExitCode> RunDebt(CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(MaintenanceRemote* const remote, context.maintenance());
  maintenance::v1::GetVerifyStateRequest request;
  request.set_datastore("datastores/" + scope.datastore);
  ASSIGN_OR_RETURN(const maintenance::v1::GetVerifyStateResponse state,
                   remote->GetVerifyState(request));
  if (context.json()) {
    context.out() << Print(ToJson(state));
  } else {
    PrintVerifyState(state, context.out());
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunVerify(const Arguments& arguments,
                                   CommandContext& context) {
  if (arguments.debt) return RunDebt(context);
  return StartTask(
      {.kind = maintenance::v1::TASK_KIND_VERIFY,
       .make_options = [&] { return MakeOptions(arguments, context); }},
      arguments.run, context);
}

}  // namespace

void AddVerifyCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "verify",
      "Prove that what is stored can be restored; names damaged archives and "
      "byte ranges (then the exit code is 13), and goes on behind them",
      "cairn verify --wait\n"
      "cairn verify host/web1/latest --wait\n"
      "cairn verify --namespace servers --outdated-after=30d --max-time=4h\n"
      "cairn verify --job nightly --wait --request-id=verify-$(date +%F)\n"
      "cairn verify --debt");
  CLI::Option* snapshot = command->add_option("SNAPSHOT", arguments->snapshot,
                                              "this one alone: GROUP/latest or "
                                              "GROUP/YYYY-MM-DDThh:mm:ssZ");
  AddVerifyOptions(command, &arguments->verify);
  snapshot->excludes("--group")->excludes("--max-depth");
  AddJobOption(command, &arguments->run);
  AddRunOptions(command, &arguments->run);
  command->add_flag("--debt", arguments->debt,
                    "only tell how much was proved within how long, and how "
                    "much never");
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunVerify(*arguments, context);
    };
  });
}

}  // namespace cairn::client
