#include "client/cli/commands/restore.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
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
  std::string archive;
  std::string target;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool overwrite = false;
  bool no_owner = false;
  std::string way = "best";
  std::string retry_for = "5m";
  std::optional<std::string> rate;
};

absl::StatusOr<RestoreRequest> MakeRequest(const Arguments& arguments,
                                           CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(arguments.snapshot, scope));
  RETURN_IF_ERROR(ValidateArchiveId(arguments.archive));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const SnapshotName snapshot,
                   ResolveSnapshot(argument, *catalog));
  RestoreRequest request;
  request.archive =
      ArchiveName{.snapshot = snapshot, .archive = arguments.archive}
          .ToString();
  request.label = arguments.archive;
  request.target = arguments.target;
  request.extract = IsExtraction(arguments.archive, arguments.target);
  request.overwrite = arguments.overwrite;
  request.restore_owner = !arguments.no_owner && geteuid() == 0;
  request.offset = arguments.offset;
  request.length = arguments.length;
  return request;
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
  if (arguments.target == "-") context.KeepStdoutForData();
  ASSIGN_OR_RETURN(const absl::Duration retry_for,
                   ParseRetryFor(arguments.retry_for));
  RETURN_IF_ERROR(ApplyRate(arguments.rate, context));
  ASSIGN_OR_RETURN(const RestoreRequest request,
                   MakeRequest(arguments, context));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  const Console& console = context.console();
  ProgressLine line(
      {.terminal = console.err_is_terminal, .quiet = context.quiet()},
      console.err, console.clock);
  RetryBudget budget = MakeRetryBudget(context, retry_for, &line);
  ProblemLog problems;
  const ProgressListener listener = [&line](const TransferProgress& progress) {
    line.Update(progress);
  };
  ASSIGN_OR_RETURN(BackupRemote* const backup, context.backup());
  ASSIGN_OR_RETURN(const bool by_chunks,
                   DecodesHere(arguments.way, *backup, budget));
  std::unique_ptr<ThreadPoolExecutor> workers;
  if (by_chunks) {
    ASSIGN_OR_RETURN(workers, MakeWorkers());
  }
  RestoreRun run({.remote = catalog,
                  .executor = workers.get(),
                  .budget = &budget,
                  .interrupt = console.interrupt,
                  .problems = &problems,
                  .progress = &listener,
                  .stdout_fd = console.stdout_fd});
  const absl::Duration started = console.clock->Monotonic();
  const absl::StatusOr<RestoreReport> report = run.Run(request);
  line.Clear();
  if (!report.ok()) {
    PrintProblems(problems, *console.err);
    return report.status();
  }
  PrintRestored(request, *report, problems,
                console.clock->Monotonic() - started, budget.retries(),
                context);
  return problems.count() > 0 ? kExitSourceProblems : kExitOk;
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
  command->add_option("ARCHIVE", arguments->archive, "its name, as in root.tar")
      ->required();
  command
      ->add_option("TARGET", arguments->target,
                   "file, block device, - for stdout, or a directory that a "
                   ".tar is extracted to (a target that ends in .tar is a "
                   "file)")
      ->required();
  command
      ->add_option("--offset", arguments->offset,
                   "first byte to restore (default 0); takes 4k, 1m, 2g")
      ->transform(CLI::AsSizeValue(false));
  command
      ->add_option("--length", arguments->length,
                   "bytes to restore (default: to the end)")
      ->transform(CLI::AsSizeValue(false));
  command->add_flag("--overwrite", arguments->overwrite,
                    "write to a target that exists");
  command->add_flag("--no-owner", arguments->no_owner,
                    "extracted files belong to who restores (without root "
                    "they always do)");
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
