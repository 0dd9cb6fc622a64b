#include "client/cli/commands/transfer.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr size_t kProblemsShown = 20;
constexpr int64_t kMaxThreads = 8;
// More than the chunks that a sender or a reader has in flight.
constexpr size_t kMaxTasks = 65536;

}  // namespace

absl::StatusOr<absl::Duration> ParseRetryFor(const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) ||
      duration < absl::ZeroDuration() || duration > absl::Hours(24 * 7)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--retry-for ", text,
                     ": allowed are 0 to 168h, such as 90s, 5m or 2h"));
  }
  return duration;
}

RetryBudget MakeRetryBudget(CommandContext& context, absl::Duration total,
                            ProgressLine* line) {
  const Interrupt* interrupt = context.console().interrupt;
  RetryBudget::Options options;
  options.total = total;
  return RetryBudget(
      options, context.console().clock, context.random(),
      [interrupt](absl::Duration wait) { interrupt->Sleep(wait); },
      [line](const absl::Status& error, absl::Duration wait) {
        line->Note(absl::StrCat(
            "cairn: ", Printable(error.message()), "; trying again in ",
            absl::FormatDuration(absl::Trunc(wait, absl::Milliseconds(1)))));
      });
}

absl::StatusOr<std::unique_ptr<ThreadPoolExecutor>> MakeWorkers() {
  const int64_t processors = sysconf(_SC_NPROCESSORS_ONLN);
  return ThreadPoolExecutor::Create(
      {.name = "chunks",
       .threads =
           static_cast<int>(std::clamp<int64_t>(processors, 1, kMaxThreads)),
       .queue_limit = kMaxTasks});
}

absl::StatusOr<bool> ServerHas(std::string_view feature, BackupRemote& remote,
                               RetryBudget& budget) {
  while (true) {
    const absl::StatusOr<ingest::v1::GetCapabilitiesResponse> found =
        remote.GetCapabilities();
    if (!found.ok()) {
      RETURN_IF_ERROR(budget.WaitAfter(found.status()));
      continue;
    }
    budget.Progress();
    return std::find(found->features().begin(), found->features().end(),
                     feature) != found->features().end();
  }
}

void PrintProblems(const ProblemLog& problems, std::ostream& err) {
  if (problems.count() == 0) return;
  const size_t shown = std::min(problems.texts().size(), kProblemsShown);
  for (size_t i = 0; i < shown; ++i) {
    err << "problem: " << Printable(problems.texts()[i]) << "\n";
  }
  if (problems.count() > shown) {
    err << "... and " << problems.count() - shown
        << " more; --output-format json lists up to " << ProblemLog::kMaxKept
        << "\n";
  }
}

Json ProblemsToJson(const ProblemLog& problems) {
  Json texts = Json::array();
  for (const std::string& text : problems.texts()) texts.push_back(text);
  return texts;
}

}  // namespace cairn::client
