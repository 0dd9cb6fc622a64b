#include "client/cli/commands/prune.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "client/backup/pipe_producer.h"
#include "client/cli/commands/keep_rules.h"
#include "client/cli/commands/prune_task.h"
#include "client/cli/render/json.h"
#include "client/cli/snapshot_lines.h"
#include "common/model/names.h"
#include "common/prune/prune_selection.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

absl::StatusOr<ExitCode> RunSimulate(const KeepArguments& arguments,
                                     CommandContext& context) {
  ASSIGN_OR_RETURN(const KeepRules rules, ParseKeepRules(arguments));
  const Console& console = context.console();
  PipeProducer producer(console.stdin_fd, "stdin", console.interrupt);
  ASSIGN_OR_RETURN(std::vector<PruneSnapshot> snapshots,
                   ReadSnapshotLines(producer, "stdin"));
  std::ranges::stable_sort(snapshots, {}, &PruneSnapshot::time);
  const std::vector<PruneDecision> decisions =
      SelectSnapshots(snapshots, rules.options, rules.zone);
  for (size_t i = 0; i < snapshots.size() && context.out().good(); ++i) {
    const Json line = {{"time", FormatSnapshotTime(snapshots[i].time)},
                       {"action", PruneActionName(decisions[i].action)},
                       {"reason", decisions[i].reason}};
    context.out() << line.dump() << "\n";
  }
  return kExitOk;
}

constexpr char kSimulateForm[] =
    "Input, on stdin, a JSON object a line, in any order; protected is false\n"
    "and finished true where they are left out:\n"
    "  {\"time\":\"2020-11-29T00:00:00Z\",\"protected\":false,"
    "\"finished\":true}\n"
    "Output, whatever --output-format says, a JSON object a line, oldest "
    "first:\n"
    "  {\"time\":\"2020-11-29T00:00:00Z\",\"action\":\"keep\","
    "\"reason\":\"weekly 2020-W48\"}\n"
    "The action is keep, remove, protected or keep-partial (unfinished, and\n"
    "the newest of all).\n"
    "\n"
    "The rules come in this order: within, last, hourly, daily, weekly,\n"
    "monthly, yearly; without any, all are kept. This is what they select:\n"
    "the guards of a prune may keep more.\n"
    "\n";

void AddSimulate(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<KeepArguments>();
  CLI::App* command = AddCommand(
      parent, "simulate",
      "Tell which snapshots of a group keep rules would keep, and why, without "
      "a server",
      "for day in 28 29 30; do echo '{\"time\":\"2026-11-'$day'T20:00:00Z\"}'; "
      "done |\n"
      "    cairn prune simulate --keep-last=1 --keep-weekly=4 "
      "--timezone=Europe/Vienna\n"
      "cairn snapshot list host/web1 --output-format json |\n"
      "    jq -c '.snapshots[] | {time: .name[-20:], protected}' |\n"
      "    cairn prune simulate --keep-daily=7 --keep-monthly=6");
  command->footer(kSimulateForm + command->get_footer());
  AddKeepOptions(command, arguments.get());
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunSimulate(*arguments, context);
    };
  });
}

}  // namespace

void AddPruneCommand(CLI::App* root, Action* chosen) {
  CLI::App* prune = AddCommand(
      root, "prune",
      "Forget the snapshots that no keep rule keeps; without any rule all are "
      "kept. Space is freed by `cairn gc`, when their time in trash is over",
      "cairn prune --group host/web1 --keep-daily=7 --keep-weekly=4 --dry-run\n"
      "cairn prune --recursive --keep-last=3 --keep-within=1m --wait\n"
      "cairn prune --recursive --keep-daily=7 --plan=HASH --wait\n"
      "cairn prune --job nightly --wait --request-id=prune-$(date +%F)\n"
      "cairn prune simulate --keep-daily=7 --keep-weekly=4 < snapshots.jsonl");
  SetUpPruneTask(prune, chosen);
  AddSimulate(prune, chosen);
}

}  // namespace cairn::client
