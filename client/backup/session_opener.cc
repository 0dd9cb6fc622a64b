#include "client/backup/session_opener.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/backup/archive_standing.h"
#include "client/backup/request_digest.h"
#include "client/posix/local_error.h"
#include "common/digest/sha256.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Of the digest in a file's name.
constexpr size_t kNameDigits = 32;

// Empty: none is kept. One a server, since a backup to another is another,
// unless the caller knows better and names the file.
std::string PathOfState(const BackupRequest& request) {
  if (!request.resume.state_file.empty()) return request.resume.state_file;
  if (request.resume.state_directory.empty()) return "";
  const std::string name =
      Sha256(absl::StrCat(DigestOfRequest(request), request.resume.server))
          .ToHex();
  return absl::StrCat(request.resume.state_directory, "/backup-",
                      name.substr(0, kNameDigits), ".state");
}

std::string IdOf(const std::string& session_name) {
  return session_name.substr(session_name.rfind('/') + 1);
}

}  // namespace

void SessionOpener::Notice(const std::string& text) const {
  if (notice_ != nullptr) (*notice_)(text);
}

absl::StatusOr<SessionOpener::Opened> SessionOpener::Open(
    const BackupRequest& request) {
  if (request.resume.resume) {
    ASSIGN_OR_RETURN(std::optional<Opened> resumed, Resume(request));
    if (resumed.has_value()) return *std::move(resumed);
  }
  absl::StatusOr<model::v1::Session> session =
      OpenSession(request, Uuid::Random(random_).ToString());
  if (HasReason(session.status(), reason::kLeaseHeld)) {
    return ExplainHeldLease(session.status(), request);
  }
  RETURN_IF_ERROR(session.status());
  Opened opened = {.session = *std::move(session)};
  absl::StatusOr<std::unique_ptr<SessionFile>> file =
      Keep(opened.session, request);
  if (file.ok()) {
    opened.file = *std::move(file);
  } else if (!request.resume.state_file.empty()) {
    remote_->AbortSession(opened.session.name()).IgnoreError();
    return file.status();
  }
  return opened;
}

absl::StatusOr<std::unique_ptr<SessionFile>> SessionOpener::Keep(
    const model::v1::Session& session, const BackupRequest& request) const {
  const std::string path = PathOfState(request);
  if (path.empty()) return std::unique_ptr<SessionFile>();
  if (request.resume.state_file.empty()) {
    std::error_code error;
    std::filesystem::create_directories(request.resume.state_directory, error);
    if (error) {
      return LocalError(request.resume.state_directory, "create",
                        error.value());
    }
  }
  ASSIGN_OR_RETURN(const std::string sources, DigestOfSources(request));
  return SessionFile::Create(path, {.server = request.resume.server,
                                    .session = session.name(),
                                    .request = DigestOfRequest(request),
                                    .sources = sources});
}

absl::StatusOr<std::optional<SessionOpener::Opened>> SessionOpener::Resume(
    const BackupRequest& request) {
  const std::string path = PathOfState(request);
  absl::StatusOr<std::unique_ptr<SessionFile>> file =
      path.empty() ? absl::NotFoundError("") : SessionFile::Open(path);
  if (absl::IsNotFound(file.status())) {
    Notice(absl::StrCat(
        "no interrupted backup of this kind to ", request.resume.server,
        " is known here (one that went through another replica: name its "
        "--state-file); a new one starts"));
    return std::nullopt;
  }
  RETURN_IF_ERROR(file.status());
  const SessionNote& note = (*file)->note();
  if (note.request != DigestOfRequest(request)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": the interrupted backup was of something else, at server ",
        note.server, "; give the arguments that it had, or no --resume"));
  }
  ASSIGN_OR_RETURN(std::optional<model::v1::Session> session,
                   FindSession(note.session));
  if (!session.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string obstacle,
                   FindObstacle(*session, note, request));
  if (!obstacle.empty()) {
    Notice(absl::StrCat(obstacle, "; a new backup starts"));
    RETURN_IF_ERROR(remote_->AbortSession(session->name()));
    return std::nullopt;
  }
  // Takes its leases again, should they have run out.
  absl::StatusOr<model::v1::Session> opened =
      OpenSession(request, IdOf(session->name()));
  if (HasReason(opened.status(), reason::kSessionFenced) ||
      HasReason(opened.status(), reason::kSessionEnded)) {
    Notice(absl::StrCat(opened.status().message(), "; a new backup starts"));
    return std::nullopt;
  }
  RETURN_IF_ERROR(opened.status());
  Notice(absl::StrCat("goes on with session ", session->name()));
  return Opened{
      .session = *std::move(opened), .file = *std::move(file), .resumed = true};
}

absl::StatusOr<std::optional<model::v1::Session>> SessionOpener::FindSession(
    const std::string& name) {
  while (true) {
    absl::StatusOr<model::v1::Session> session = remote_->GetSession(name);
    if (session.ok()) {
      const absl::Status open = CheckSessionIsOpen(*session);
      if (open.ok()) return *std::move(session);
      Notice(session->state() == model::v1::SESSION_STATE_PUBLISHED
                 ? absl::StrCat("the interrupted backup was published as ",
                                session->snapshot(), "; a new one starts")
                 : absl::StrCat(open.message(), "; a new backup starts"));
      return std::nullopt;
    }
    if (absl::IsNotFound(session.status())) {
      Notice(absl::StrCat("session ", name, " is gone; a new backup starts"));
      return std::nullopt;
    }
    RETURN_IF_ERROR(budget_->WaitAfter(session.status()));
  }
}

absl::StatusOr<std::string> SessionOpener::FindObstacle(
    const model::v1::Session& session, const SessionNote& note,
    const BackupRequest& request) const {
  bool reads_on = false;  // in the middle of a file
  for (const ArchiveSpec& spec : request.archives) {
    const ArchiveStanding standing = StandingOf(session, spec.name);
    if (standing.complete || standing.bytes == 0) continue;
    if (spec.source == SourceKind::kPipe) {
      return absl::FailedPreconditionError(absl::StrCat(
          "archive ", spec.name, ": ", standing.bytes,
          " bytes of the interrupted backup are durable, and stdin cannot be "
          "read from there; run it without --resume"));
    }
    if (spec.source == SourceKind::kDirectory) {
      return absl::StrCat("archive ", spec.name,
                          " is a directory, which cannot be taken up in the "
                          "middle");
    }
    reads_on = true;
  }
  if (!reads_on) return "";
  ASSIGN_OR_RETURN(const std::string sources, DigestOfSources(request));
  if (sources != note.sources) {
    return "a file was written since the backup was interrupted";
  }
  return "";
}

absl::StatusOr<model::v1::Session> SessionOpener::OpenSession(
    const BackupRequest& request, const std::string& request_id) {
  ingest::v1::OpenSessionRequest open;
  open.set_request_id(request_id);
  open.set_group(request.group.ToString());
  open.set_notes(request.notes);
  open.set_client_label(request.client_label);
  if (request.backup_time.has_value()) {
    open.mutable_backup_time()->set_seconds(*request.backup_time);
  }
  while (true) {
    absl::StatusOr<model::v1::Session> session = remote_->OpenSession(open);
    if (session.ok()) {
      budget_->Progress();
      return session;
    }
    RETURN_IF_ERROR(budget_->WaitAfter(session.status()));
  }
}

absl::Status SessionOpener::ExplainHeldLease(const absl::Status& error,
                                             const BackupRequest& request) {
  const std::string path = PathOfState(request);
  if (path.empty()) return error;
  const absl::StatusOr<std::unique_ptr<SessionFile>> file =
      SessionFile::Open(path);
  std::string hint;
  if (absl::IsAborted(file.status())) {
    hint = "the same backup is running on this machine";
  } else if (file.ok() && (*file)->note().request == DigestOfRequest(request)) {
    const absl::StatusOr<model::v1::Session> session =
        remote_->GetSession((*file)->note().session);
    if (session.ok() && CheckSessionIsOpen(*session).ok()) {
      hint = absl::StrCat("session ", IdOf(session->name()),
                          " of this backup was interrupted and is still open: "
                          "--resume goes on with it");
    }
  }
  if (hint.empty()) return error;
  const std::optional<Reason> reason = ReasonOf(error);
  return WithReason(
      absl::Status(error.code(), absl::StrCat(error.message(), "; ", hint)),
      reason->code, reason->metadata);
}

}  // namespace cairn::client
