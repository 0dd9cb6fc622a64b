#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"

namespace cairn::client {

// Where an archive of a session stands at the server.
struct ArchiveStanding {
  bool complete = false;
  uint64_t bytes = 0;  // durable, or the size if complete
};

// Of `archive` in `session`, which need not know it.
ArchiveStanding StandingOf(const model::v1::Session& session,
                           const std::string& archive);

// OK if `session` is open. Aborted: SESSION_FENCED, SESSION_ENDED.
absl::Status CheckSessionIsOpen(const model::v1::Session& session);

// Asks the server, again and again as `budget` allows. Aborted: the session
// is not open any more. Else the server's errors.
absl::StatusOr<ArchiveStanding> FindStanding(const std::string& session,
                                             const std::string& archive,
                                             BackupRemote& remote,
                                             RetryBudget& budget);

}  // namespace cairn::client
