#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/cli/render/progress.h"
#include "client/restore/restore_run.h"
#include "common/model/names.h"

namespace cairn::client {

// What `cairn restore` and `cairn extract` share.

struct RestoreArguments {
  std::string archive;
  std::string target;
  uint64_t offset = 0;
  uint64_t length = 0;  // 0: to the end
  bool overwrite = false;
  bool no_owner = false;
};

// Adds the options of a restore to `command`; ARCHIVE and TARGET are told
// apart by each command.
void AddRestoreOptions(CLI::App* command, RestoreArguments* arguments);

RestoreRequest MakeRestoreRequest(const RestoreArguments& arguments,
                                  const SnapshotName& snapshot);

// Runs it, and says what was restored, and what was not as it should. `line`
// is the one that `environment.progress` updates.
absl::StatusOr<ExitCode> RunAndReport(const RestoreRequest& request,
                                      RestoreRun::Environment environment,
                                      ProgressLine& line,
                                      CommandContext& context);

}  // namespace cairn::client
