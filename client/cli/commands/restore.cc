#include "client/cli/commands/restore.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/commands/restored.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/progress.h"
#include "client/cli/snapshot_argument.h"
#include "client/restore/restore_run.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string snapshot;
  RestoreArguments restore;
  std::string way = "best";
  std::string retry_for = "5m";
  std::optional<std::string> rate;
};

absl::StatusOr<RestoreRequest> MakeRequest(const Arguments& arguments,
                                           CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(arguments.snapshot, scope));
  RETURN_IF_ERROR(ValidateArchiveId(arguments.restore.archive));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const SnapshotName snapshot,
                   ResolveSnapshot(argument, *catalog));
  return MakeRestoreRequest(arguments.restore, snapshot);
}

// Whether chunks are decoded and proved by this process.
absl::StatusOr<bool> DecodesHere(const std::string& way, BackupRemote& remote,
                                 RetryBudget& budget) {
  if (way == "stream") return false;
  ASSIGN_OR_RETURN(const bool possible,
                   ServerHas("read-chunks", remote, budget));
  if (way == "chunks" && !possible) {
    return absl::FailedPreconditionError(
        "the server gives no chunks; update it, or restore with --way=stream");
  }
  return possible;
}

absl::StatusOr<ExitCode> RunRestore(const Arguments& arguments,
                                    CommandContext& context) {
  if (arguments.restore.target == "-") context.KeepStdoutForData();
  ASSIGN_OR_RETURN(const absl::Duration retry_for,
                   ParseRetryFor(arguments.retry_for));
  RETURN_IF_ERROR(ApplyRate(arguments.rate, context));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  const Console& console = context.console();
  ProgressLine line(
      {.terminal = console.err_is_terminal, .quiet = context.quiet()},
      console.err, console.clock);
  RetryBudget budget = MakeRetryBudget(context, retry_for, &line);
  const ProgressListener listener = [&line](const TransferProgress& progress) {
    line.Update(progress);
  };
  absl::StatusOr<RestoreRequest> request = MakeRequest(arguments, context);
  while (!request.ok()) {
    RETURN_IF_ERROR(budget.WaitAfter(request.status()));
    request = MakeRequest(arguments, context);
  }
  ASSIGN_OR_RETURN(BackupRemote* const backup, context.backup());
  ASSIGN_OR_RETURN(const bool by_chunks,
                   DecodesHere(arguments.way, *backup, budget));
  std::unique_ptr<ThreadPoolExecutor> workers;
  if (by_chunks) {
    ASSIGN_OR_RETURN(workers, MakeWorkers());
  }
  return RunAndReport(*request,
                      {.remote = catalog,
                       .executor = workers.get(),
                       .budget = &budget,
                       .progress = &listener},
                      line, context);
}

}  // namespace

void AddRestoreCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "restore",
      "Restore an archive of a snapshot to a file, a device, stdout, or, a "
      ".tar, to a directory",
      "cairn restore host/web1/latest root.tar /mnt/restored\n"
      "cairn restore vm/100/2026-11-21T20:39:45Z disk0.img /dev/vg0/vm100 "
      "--overwrite\n"
      "cairn restore host/db1/latest dump.raw - | psql\n"
      "cairn restore vm/100/latest disk0.img mbr --offset 0 --length 512");
  command
      ->add_option("SNAPSHOT", arguments->snapshot,
                   "GROUP/latest or GROUP/YYYY-MM-DDThh:mm:ssZ")
      ->required();
  command
      ->add_option("ARCHIVE", arguments->restore.archive,
                   "its name, as in root.tar")
      ->required();
  command
      ->add_option("TARGET", arguments->restore.target,
                   "file, block device, - for stdout, or a directory that a "
                   ".tar is extracted to (a target that ends in .tar is a "
                   "file)")
      ->required();
  AddRestoreOptions(command, &arguments->restore);
  command
      ->add_option(
          "--way", arguments->way,
          "chunks: as they are stored, compressed, and decoded and proved by "
          "this process, so that no byte is written that it did not check; "
          "stream: the server decodes, for a machine that is weaker than its "
          "network; best (default): chunks if the server gives them")
      ->check(CLI::IsMember({"best", "chunks", "stream"}));
  command->add_option("--retry-for", arguments->retry_for,
                      "keep trying this long while the server is away "
                      "(default 5m)");
  AddRateOption(command, &arguments->rate);
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunRestore(*arguments, context);
    };
  });
}

}  // namespace cairn::client
