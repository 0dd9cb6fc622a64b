#pragma once

#include <string>

#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/restore/restore_run.h"
#include "client/transfer/problem_log.h"

namespace cairn::client {

// What `cairn restore` and `cairn extract` share.

// Whether `archive` is a .tar and goes to a directory: unless what is named
// can only take its bytes.
bool IsExtraction(const std::string& archive, const std::string& target);

// Says what was restored, and what was not as it should.
void PrintRestored(const RestoreRequest& request, const RestoreReport& report,
                   const ProblemLog& problems, absl::Duration elapsed,
                   int retries, CommandContext& context);

}  // namespace cairn::client
