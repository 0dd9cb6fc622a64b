#include "client/backup/archive_standing.h"

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {

ArchiveStanding StandingOf(const model::v1::Session& session,
                           const std::string& archive) {
  for (const model::v1::ArchiveProgress& progress : session.archives()) {
    if (progress.name() != archive) continue;
    return {.complete = progress.complete(),
            .bytes = progress.complete() ? progress.root().size_bytes()
                                         : progress.durable_bytes()};
  }
  return {};
}

absl::Status CheckSessionIsOpen(const model::v1::Session& session) {
  if (session.state() == model::v1::SESSION_STATE_FENCED) {
    return WithReason(
        absl::AbortedError(absl::StrCat(
            "session ", session.name(),
            " was overtaken by a garbage collection while it was away")),
        reason::kSessionFenced);
  }
  if (session.state() != model::v1::SESSION_STATE_OPEN) {
    return WithReason(absl::AbortedError(absl::StrCat(
                          "session ", session.name(), " has ended")),
                      reason::kSessionEnded);
  }
  return absl::OkStatus();
}

absl::StatusOr<ArchiveStanding> FindStanding(const std::string& session,
                                             const std::string& archive,
                                             BackupRemote& remote,
                                             RetryBudget& budget) {
  while (true) {
    const absl::StatusOr<model::v1::Session> found = remote.GetSession(session);
    if (!found.ok()) {
      RETURN_IF_ERROR(budget.WaitAfter(found.status()));
      continue;
    }
    RETURN_IF_ERROR(CheckSessionIsOpen(*found));
    return StandingOf(*found, archive);
  }
}

}  // namespace cairn::client
