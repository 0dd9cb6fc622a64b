#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/backup/backup_request.h"
#include "client/cli/command.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/notice.h"

namespace cairn::client {

// The options of `cairn backup` for images that are written as changes of a
// snapshot before.
struct ChangesArguments {
  std::string base;                  // SNAPSHOT
  std::vector<std::string> changed;  // [NAME.img=]FILE
};

// `arguments` outlives the command.
void AddChangesOptions(CLI::App* command, ChangesArguments* arguments);

// Reads the lists, asks for the base, and adds both to `request`, whose group
// and archives are set. InvalidArgument: what was given, or a list. LocalErrors
// of its file. FailedPrecondition (REUSE_REFUSED): there is no base. Else the
// server's errors.
absl::Status AddChanges(const ChangesArguments& arguments,
                        CommandContext& context, RetryBudget& budget,
                        const NoticeListener& notice, BackupRequest* request);

}  // namespace cairn::client
