#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/send_options.h"
#include "client/backup/sent_archive.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"

namespace cairn::client {

// What the ways in do differently with an archive; used during the call.
struct SendSteps {
  // One stream, from the durable offset on.
  absl::FunctionRef<absl::StatusOr<SentArchive>(uint64_t offset)> attempt;
  // After a stream that ended with `error`: OK, if another may be begun, by
  // then or at once; else the error to give up with.
  absl::FunctionRef<absl::Status(const absl::Status& error)> recover;
  // What an archive of `size_bytes` has cost up to now.
  absl::FunctionRef<SentArchive(uint64_t size_bytes)> count;
};

// Sends an archive of an open session by one stream after another, the first
// from `offset` on, until it is whole: asks after each that broke how far the
// archive is durable, and goes on there. Errors: of `recover`; of the server,
// if a retry does not help or the budget is used up; Aborted
// (SESSION_FENCED, SESSION_ENDED).
absl::StatusOr<SentArchive> SendByAttempts(const SendOptions& options,
                                           uint64_t offset,
                                           const SendSteps& steps,
                                           BackupRemote& remote,
                                           RetryBudget& budget);

}  // namespace cairn::client
