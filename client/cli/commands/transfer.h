#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/cli/render/progress.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/problem_log.h"
#include "common/concurrency/thread_pool_executor.h"

namespace cairn::client {

// What `cairn backup` and `cairn restore` share: a progress line, a retry
// budget that tells about lost connections, threads, and the list of problems.

// "5m", "90s", "0". InvalidArgument: negative, or no duration.
absl::StatusOr<absl::Duration> ParseRetryFor(const std::string& text);

// Bytes a second; 0: no limit. InvalidArgument names `source`, where the text
// came from.
absl::StatusOr<uint64_t> ParseRate(const std::string& text,
                                   std::string_view source);

// Adds --rate to `command`.
void AddRateOption(CLI::App* command, std::optional<std::string>* rate);

// Limits what the command moves to `rate`, its flag, or else to what the
// environment or the profile say. Before the first call.
absl::Status ApplyRate(const std::optional<std::string>& rate,
                       CommandContext& context);

// Notes each wait on `line`, which outlives the budget.
RetryBudget MakeRetryBudget(CommandContext& context, absl::Duration total,
                            ProgressLine* line);

// Threads that hash, compress and decode: one a processor, at most eight.
absl::StatusOr<std::unique_ptr<ThreadPoolExecutor>> MakeWorkers();

// Whether the server has `feature`; asks as long as `budget` allows.
absl::StatusOr<bool> ServerHas(std::string_view feature, BackupRemote& remote,
                               RetryBudget& budget);

// The first problems, one a line, and how many there are.
void PrintProblems(const ProblemLog& problems, std::ostream& err);
Json ProblemsToJson(const ProblemLog& problems);

}  // namespace cairn::client
