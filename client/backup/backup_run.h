#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "client/backup/archive_spec.h"
#include "client/backup/backup_request.h"
#include "client/backup/sent_archive.h"
#include "client/backup/session_opener.h"
#include "client/backup/source.h"
#include "client/posix/interrupt.h"
#include "client/remote/backup_remote.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/problem_log.h"
#include "client/transfer/transfer_progress.h"
#include "common/concurrency/executor.h"

namespace cairn::client {

// A published snapshot.
struct BackupReport {
  struct ArchiveReport {
    ArchiveSpec spec;
    SentArchive sent;
  };
  model::v1::Snapshot snapshot;
  std::vector<ArchiveReport> archives;  // as in the request
  bool resumed = false;                 // a session that was interrupted
};

// One backup: a session from its opening to the published snapshot. If it
// fails, the session is ended (best effort), unless its snapshot may be
// there. A session that was fenced, or whose base is gone (SESSION_FENCED,
// BASE_GONE), is followed by a new one, of three at most, if no archive comes
// from stdin and none is written as changes. The file that lets another
// process go on is there as long as the session may be. One thread.
class BackupRun {
 public:
  struct Environment {
    BackupRemote* remote = nullptr;
    CatalogRemote* catalog = nullptr;
    Executor* executor = nullptr;  // hashes and compresses
    RetryBudget* budget = nullptr;
    const Interrupt* interrupt = nullptr;
    ProblemLog* problems = nullptr;
    const ProgressListener* progress = nullptr;
    // Told what a person should know and no program: may be null.
    const NoticeListener* notice = nullptr;
    int stdin_fd = 0;
  };

  // All that is pointed to outlives the run.
  BackupRun(const Environment& environment, absl::BitGenRef random)
      : environment_(environment), random_(random) {}

  // InvalidArgument: the request, or a diff on stdin. FailedPrecondition
  // (REUSE_REFUSED): changes of a base that cannot be used; the images must be
  // sent whole. LocalErrors: a source. Cancelled with
  // kPublishUnknown: interrupted while it was published. Else the server's.
  absl::StatusOr<BackupReport> Run(const BackupRequest& request);

 private:
  absl::StatusOr<std::unique_ptr<Source>> OpenSource(
      const ArchiveSpec& spec, const BackupRequest& request) const;
  absl::StatusOr<BackupReport> OpenAndRun(const BackupRequest& request);
  absl::StatusOr<BackupReport> RunSession(const model::v1::Session& session,
                                          const BackupRequest& request,
                                          SessionFile* file);
  absl::Status CheckRequest(const BackupRequest& request) const;
  absl::Status LearnLimits(const BackupRequest& request);
  absl::Status ChooseWay(const BackupRequest& request,
                         const ingest::v1::GetCapabilitiesResponse& server);
  absl::StatusOr<SentArchive> SendArchive(const model::v1::Session& session,
                                          const ArchiveSpec& spec,
                                          const BackupRequest& request);
  absl::StatusOr<SentArchive> SendBytes(const model::v1::Session& session,
                                        const ArchiveSpec& spec,
                                        const BackupRequest& request,
                                        Source& source);
  absl::StatusOr<model::v1::Snapshot> Finish(
      const std::string& session,
      const std::vector<BackupReport::ArchiveReport>& archives);

  const Environment environment_;
  absl::BitGenRef random_;
  uint64_t max_blob_bytes_ = 16 * 1024 * 1024;
  uint64_t flush_interval_bytes_ = 0;
  bool by_chunks_ = false;
  std::map<std::string, uint64_t> base_sizes_;  // in bytes, by archive
};

}  // namespace cairn::client
