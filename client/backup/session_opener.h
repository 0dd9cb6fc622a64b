#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/model/v1/model.pb.h"
#include "client/backup/backup_request.h"
#include "client/backup/session_file.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/notice.h"

namespace cairn::client {

// Opens the session of a backup: a new one, or, when the request says so,
// that of a process that was killed. One thread.
class SessionOpener {
 public:
  struct Opened {
    model::v1::Session session;
    std::unique_ptr<SessionFile> file;  // null: none is kept
    bool resumed = false;
  };

  // All outlive the opener; `notice` may be null.
  SessionOpener(BackupRemote* remote, RetryBudget* budget,
                const NoticeListener* notice, absl::BitGenRef random)
      : remote_(remote), budget_(budget), notice_(notice), random_(random) {}

  // To be resumed: InvalidArgument: the state file is of another backup.
  // Aborted: that backup is running. FailedPrecondition: part of stdin is
  // durable, and the rest cannot be told apart. A session that is gone, and
  // sources that were written since, are told, and a new session is opened.
  // Else the server's errors: one about a lease (LEASE_HELD) says whether
  // resuming would help. LocalErrors about a state file that was asked for.
  absl::StatusOr<Opened> Open(const BackupRequest& request);

 private:
  absl::StatusOr<std::optional<Opened>> Resume(const BackupRequest& request);
  // Nullopt if it is gone.
  absl::StatusOr<std::optional<model::v1::Session>> FindSession(
      const std::string& name);
  // Why the session cannot go on with these sources; empty if it can.
  absl::StatusOr<std::string> FindObstacle(const model::v1::Session& session,
                                           const SessionNote& note,
                                           const BackupRequest& request) const;
  absl::StatusOr<model::v1::Session> OpenSession(const BackupRequest& request,
                                                 const std::string& request_id);
  absl::StatusOr<std::unique_ptr<SessionFile>> Keep(
      const model::v1::Session& session, const BackupRequest& request) const;
  absl::Status ExplainHeldLease(const absl::Status& error,
                                const BackupRequest& request);
  void Notice(const std::string& text) const;

  BackupRemote* const remote_;
  RetryBudget* const budget_;
  const NoticeListener* const notice_;
  absl::BitGenRef random_;
};

}  // namespace cairn::client
