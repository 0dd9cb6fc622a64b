#include "client/cli/commands/restored.h"

#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/problem_log.h"

namespace cairn::client {
namespace {

// Whether `archive` is a .tar and goes to a directory: unless what is named
// can only take its bytes.
bool IsExtraction(const std::string& archive, const std::string& target) {
  if (!absl::EndsWith(archive, ".tar")) return false;
  if (target == "-") return false;
  struct stat status;
  if (stat(target.c_str(), &status) == 0) {
    return S_ISDIR(status.st_mode);
  }
  return !absl::EndsWith(target, ".tar");
}

// Says what was restored, and what was not as it should.
void PrintRestored(const RestoreRequest& request, const RestoreReport& report,
                   const ProblemLog& problems, absl::Duration elapsed,
                   int retries, CommandContext& context) {
  if (!context.json()) {
    context.out() << "restored " << FormatBytes(report.restored_bytes) << " of "
                  << request.label << " to "
                  << (request.target == "-" ? "stdout" : request.target)
                  << " in " << FormatSpan(elapsed);
    if (report.extracted.has_value()) {
      context.out() << ", " << report.extracted->entries << " entries";
    }
    if (retries > 0) context.out() << ", " << retries << " retries";
    context.out() << "\n";
    PrintProblems(problems, *context.console().err);
    return;
  }
  Json document = {{"archive", request.archive},
                   {"target", request.target},
                   {"archive_size_bytes", report.archive_size_bytes},
                   {"restored_bytes", report.restored_bytes},
                   {"hole_bytes", report.hole_bytes}};
  if (report.extracted.has_value()) {
    document["entry_count"] = report.extracted->entries;
    document["refused_entry_count"] = report.extracted->refused;
  }
  document["duration_seconds"] = absl::ToDoubleSeconds(elapsed);
  document["retries"] = retries;
  document["problem_count"] = problems.count();
  document["problems"] = ProblemsToJson(problems);
  context.out() << Print(document);
}

}  // namespace

void AddRestoreOptions(CLI::App* command, RestoreArguments* arguments) {
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
}

RestoreRequest MakeRestoreRequest(const RestoreArguments& arguments,
                                  const SnapshotName& snapshot) {
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

absl::StatusOr<ExitCode> RunAndReport(const RestoreRequest& request,
                                      RestoreRun::Environment environment,
                                      ProgressLine& line,
                                      CommandContext& context) {
  const Console& console = context.console();
  ProblemLog problems;
  environment.problems = &problems;
  environment.interrupt = console.interrupt;
  environment.stdout_fd = console.stdout_fd;
  RestoreRun run(environment);
  const absl::Duration started = console.clock->Monotonic();
  const absl::StatusOr<RestoreReport> report = run.Run(request);
  line.Clear();
  if (!report.ok()) {
    PrintProblems(problems, *console.err);
    return report.status();
  }
  const RetryBudget* const budget = environment.budget;
  PrintRestored(request, *report, problems,
                console.clock->Monotonic() - started,
                budget == nullptr ? 0 : budget->retries(), context);
  return problems.count() > 0 ? kExitSourceProblems : kExitOk;
}

}  // namespace cairn::client
