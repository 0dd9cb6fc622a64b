#include "client/cli/commands/gc.h"

#include <memory>

#include "client/cli/commands/task_options.h"
#include "client/cli/commands/task_run.h"
#include "client/cli/commands/task_start.h"

namespace cairn::client {
namespace {

struct Arguments {
  GcArguments gc;
  RunArguments run;
};

absl::StatusOr<ExitCode> RunGc(const Arguments& arguments,
                               CommandContext& context) {
  return StartTask(
      {.kind = maintenance::v1::TASK_KIND_GC,
       .make_options = [&] { return MakeGcOptions(arguments.gc, context); },
       .dry_run =
           [&](const maintenance::v1::TaskOptions& options, TaskRun& run) {
             maintenance::v1::TaskOptions plan = options;
             plan.mutable_gc()->set_validate_only(true);
             return run.Start(plan, arguments.run);
           }},
      arguments.run, context);
}

}  // namespace

void AddGcCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "gc",
      "Free the space of what no snapshot refers to, beside whatever else runs "
      "(garbage collection); tells what will be free later, and why not yet",
      "cairn gc --wait\n"
      "cairn gc --dry-run\n"
      "cairn gc --max-time=4h --copy-rate=100MiB\n"
      "cairn gc --job weekly --wait --request-id=gc-$(date +%G-%V)");
  AddGcOptions(command, &arguments->gc);
  AddJobOption(command, &arguments->run);
  AddDryRun(command, &arguments->run);
  AddRunOptions(command, &arguments->run);
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunGc(*arguments, context);
    };
  });
}

}  // namespace cairn::client
