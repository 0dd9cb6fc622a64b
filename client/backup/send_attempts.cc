#include "client/backup/send_attempts.h"

#include "client/backup/archive_standing.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<SentArchive> SendByAttempts(const SendOptions& options,
                                           uint64_t offset,
                                           const SendSteps& steps,
                                           BackupRemote& remote,
                                           RetryBudget& budget) {
  while (true) {
    absl::StatusOr<SentArchive> sent = steps.attempt(offset);
    if (sent.ok()) return sent;
    const bool exists = HasReason(sent.status(), reason::kArchiveExists);
    if (!exists) RETURN_IF_ERROR(steps.recover(sent.status()));
    ASSIGN_OR_RETURN(
        const ArchiveStanding standing,
        FindStanding(options.session, options.archive, remote, budget));
    if (standing.complete) return steps.count(standing.bytes);
    // An archive that exists and is not complete would loop for ever.
    if (exists) return sent;
    offset = standing.bytes;
  }
}

}  // namespace cairn::client
