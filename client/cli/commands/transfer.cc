#include "client/cli/commands/transfer.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "common/config/settings.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr size_t kProblemsShown = 20;
constexpr int64_t kMaxThreads = 8;
// More than the chunks that a sender or a reader has in flight.
constexpr size_t kMaxTasks = 65536;
// Slower, a message takes so long that the server takes us for dead.
constexpr uint64_t kMinRate = 16 * 1024;
constexpr uint64_t kMaxRate = uint64_t{1} << 40;

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

absl::StatusOr<uint64_t> ParseRate(const std::string& text,
                                   std::string_view source) {
  const absl::StatusOr<uint64_t> rate = ParseByteSize(text);
  if (rate.ok() && (*rate == 0 || (*rate >= kMinRate && *rate <= kMaxRate))) {
    return *rate;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      source, " ", text, ": allowed are ", FormatByteSize(kMinRate), " to ",
      FormatByteSize(kMaxRate),
      ", bytes a second, such as 512KiB or 50MiB, and 0 for no limit"));
}

void AddRateOption(CLI::App* command, std::optional<std::string>* rate) {
  command->add_option(
      "--rate", *rate,
      "most bytes a second that travel, of all archives together, such as "
      "50MiB, so that others can use the line; counted as they travel, after "
      "compression; 0: no limit [CAIRN_RATE, rate in the profile; default 0]");
}

absl::Status ApplyRate(const std::optional<std::string>& rate,
                       CommandContext& context) {
  ASSIGN_OR_RETURN(const Settings settings, context.settings());
  const std::string text = rate.value_or(settings.rate);
  if (text.empty() && !rate.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const uint64_t bytes_per_second,
      ParseRate(text, rate.has_value() ? "--rate"
                                       : "CAIRN_RATE or rate of the "
                                         "profile"));
  if (bytes_per_second > 0) context.LimitRate(bytes_per_second);
  return absl::OkStatus();
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
