#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/cli/render/progress.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/problem_log.h"

namespace cairn::client {

// What `cairn backup` and `cairn restore` share: a progress line, a retry
// budget that tells about lost connections, and the list of problems.

// "5m", "90s", "0". InvalidArgument: negative, or no duration.
absl::StatusOr<absl::Duration> ParseRetryFor(const std::string& text);

// Notes each wait on `line`, which outlives the budget.
RetryBudget MakeRetryBudget(CommandContext& context, absl::Duration total,
                            ProgressLine* line);

// The first problems, one a line, and how many there are.
void PrintProblems(const ProblemLog& problems, std::ostream& err);
Json ProblemsToJson(const ProblemLog& problems);

}  // namespace cairn::client
