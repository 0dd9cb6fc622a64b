#include "client/cli/commands/restored.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"

namespace cairn::client {

bool IsExtraction(const std::string& archive, const std::string& target) {
  if (!absl::EndsWith(archive, ".tar")) return false;
  if (target == "-") return false;
  struct stat status;
  if (stat(target.c_str(), &status) == 0) {
    return S_ISDIR(status.st_mode);
  }
  return !absl::EndsWith(target, ".tar");
}

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

}  // namespace cairn::client
