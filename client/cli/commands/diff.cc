#include "client/cli/commands/diff.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"
#include "client/cli/render/progress.h"
#include "client/cli/snapshot_argument.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using ingest::v1::DiffArchivesRequest;
using ingest::v1::DiffArchivesResponse;

struct Arguments {
  std::string base_snapshot;
  std::string base_archive;
  std::string snapshot;
  std::string archive;  // empty: base_archive
  std::string retry_for = "5m";
};

struct Totals {
  uint64_t ranges = 0;
  uint64_t different_bytes = 0;
  uint64_t compared_bytes = 0;
};

absl::StatusOr<std::string> ResolveArchive(const std::string& snapshot,
                                           const std::string& archive,
                                           CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(snapshot, scope));
  RETURN_IF_ERROR(ValidateArchiveId(archive));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const SnapshotName name,
                   ResolveSnapshot(argument, *catalog));
  return ArchiveName{.snapshot = name, .archive = archive}.ToString();
}

// Prints the ranges of one answer, a line each.
absl::Status PrintRanges(const DiffArchivesResponse& response, Totals& totals,
                         CommandContext& context) {
  uint64_t end = totals.compared_bytes;
  for (const DiffArchivesResponse::Range& range : response.ranges()) {
    if (range.offset() < end || range.length() == 0 ||
        range.length() > UINT64_MAX - range.offset()) {
      return absl::InternalError(absl::StrCat(
          "the server's answer makes no sense: range of ", range.length(),
          " bytes at ", range.offset(), " after byte ", end));
    }
    end = range.offset() + range.length();
    ++totals.ranges;
    totals.different_bytes += range.length();
    if (context.json()) {
      context.out() << "{\"offset\":" << range.offset()
                    << ",\"length\":" << range.length() << "}\n";
    } else {
      context.out() << range.offset() << " " << range.length() << "\n";
    }
  }
  if (response.compared_bytes() < end) {
    return absl::InternalError(
        absl::StrCat("the server's answer makes no sense: it compared ",
                     response.compared_bytes(), " bytes, before it ", end));
  }
  totals.compared_bytes = response.compared_bytes();
  return absl::OkStatus();
}

// Goes on where a lost connection stopped.
absl::StatusOr<Totals> PrintDiff(DiffArchivesRequest request,
                                 CatalogRemote& catalog, RetryBudget& budget,
                                 CommandContext& context) {
  Totals totals;
  std::unique_ptr<DiffStream> stream;
  // Nobody waits for more once the output is closed.
  while (context.out().good()) {
    if (stream == nullptr) {
      request.set_offset(totals.compared_bytes);
      stream = catalog.StartDiff(request);
    }
    const absl::StatusOr<std::optional<DiffArchivesResponse>> response =
        stream->Next();
    if (!response.ok()) {
      stream.reset();
      RETURN_IF_ERROR(budget.WaitAfter(response.status()));
      continue;
    }
    if (!response->has_value()) break;
    budget.Progress();
    RETURN_IF_ERROR(PrintRanges(**response, totals, context));
  }
  return totals;
}

absl::StatusOr<ExitCode> RunDiff(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(const absl::Duration retry_for,
                   ParseRetryFor(arguments.retry_for));
  DiffArchivesRequest request;
  ASSIGN_OR_RETURN(
      *request.mutable_base(),
      ResolveArchive(arguments.base_snapshot, arguments.base_archive, context));
  ASSIGN_OR_RETURN(
      *request.mutable_name(),
      ResolveArchive(arguments.snapshot,
                     arguments.archive.empty() ? arguments.base_archive
                                               : arguments.archive,
                     context));
  const Console& console = context.console();
  // Never drawn: only tells of lost connections.
  ProgressLine line({.terminal = false, .quiet = context.quiet()}, console.err,
                    console.clock);
  RetryBudget budget = MakeRetryBudget(context, retry_for, &line);
  ASSIGN_OR_RETURN(BackupRemote* const backup, context.backup());
  ASSIGN_OR_RETURN(const bool possible, ServerHas("diff", *backup, budget));
  if (!possible) {
    return absl::FailedPreconditionError(
        "the server compares no archives; update it");
  }
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const Totals totals,
                   PrintDiff(std::move(request), *catalog, budget, context));
  if (!context.json() && !context.quiet()) {
    *console.err << totals.ranges << (totals.ranges == 1 ? " range" : " ranges")
                 << ", " << FormatBytes(totals.different_bytes) << " of "
                 << FormatBytes(totals.compared_bytes) << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddDiffCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "diff",
      "Print the byte ranges in which two archives may differ, chunk by "
      "chunk, without reading their bytes: a line OFFSET LENGTH each, in "
      "bytes and in order, or with --output-format json a line "
      "{\"offset\":N,\"length\":N} each; nothing if they are equal. Exit code "
      "0 whether or not they differ",
      "cairn diff vm/100/2026-11-21T20:39:45Z disk0.img vm/100/latest\n"
      "cairn diff vm/100/latest disk0.img vm/200/latest disk1.img");
  command
      ->add_option("SNAPSHOT_A", arguments->base_snapshot,
                   "GROUP/latest or GROUP/YYYY-MM-DDThh:mm:ssZ")
      ->required();
  command
      ->add_option("ARCHIVE_A", arguments->base_archive,
                   "its name, as in disk0.img")
      ->required();
  command
      ->add_option("SNAPSHOT_B", arguments->snapshot,
                   "snapshot of the same datastore")
      ->required();
  command->add_option("ARCHIVE_B", arguments->archive,
                      "its name (default: that of ARCHIVE_A)");
  command->add_option("--retry-for", arguments->retry_for,
                      "keep trying this long while the server is away "
                      "(default 5m)");
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunDiff(*arguments, context);
    };
  });
}

}  // namespace cairn::client
