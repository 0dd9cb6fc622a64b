#include "services/ingest/domain/session_state.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::ingest {

absl::Status CheckOpen(const Session& session) {
  switch (session.state) {
    case SessionState::kOpen:
      return absl::OkStatus();
    case SessionState::kFenced:
      return WithReason(absl::AbortedError(absl::StrCat(
                            "session ", session.ref.session.ToString(),
                            " was overtaken by a sweep; start a new session")),
                        reason::kSessionFenced);
    case SessionState::kPublished:
    case SessionState::kAborted:
      break;
  }
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "session ", session.ref.session.ToString(), " is ",
          session.state == SessionState::kPublished ? "published" : "aborted",
          "; open a new one to write more")),
      reason::kSessionEnded);
}

bool IsDefinitive(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

bool EndsSession(const absl::Status& error) {
  if (!IsDefinitive(error) || absl::IsInvalidArgument(error)) return false;
  if (!absl::IsFailedPrecondition(error)) return true;
  // An archive that is missing, unexpected or of another size has no reason.
  const std::optional<Reason> reason = ReasonOf(error);
  return reason.has_value() && reason->code != reason::kArchiveOpen;
}

}  // namespace cairn::ingest
