#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "client/backup/archive_spec.h"
#include "client/backup/source.h"
#include "client/backup/stream_sender.h"
#include "client/posix/interrupt.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/problem_log.h"
#include "client/transfer/transfer_progress.h"
#include "common/model/names.h"

namespace cairn::client {

// What to back up, and as what.
struct BackupRequest {
  GroupName group;
  std::vector<ArchiveSpec> archives;  // 1..256, names distinct, stdin once
  std::string notes;
  std::optional<int64_t> backup_time;  // Unix seconds; unset: the server's
  std::string client_label;
  std::vector<std::string> exclude;  // of .tar archives
  bool all_file_systems = false;     // of .tar archives
};

// A published snapshot.
struct BackupReport {
  struct ArchiveReport {
    ArchiveSpec spec;
    SentArchive sent;
  };
  model::v1::Snapshot snapshot;
  std::vector<ArchiveReport> archives;  // as in the request
};

// One backup: a session from its opening to the published snapshot. If it
// fails, the session is ended (best effort), unless its snapshot may be
// there. One thread.
class BackupRun {
 public:
  struct Environment {
    BackupRemote* remote = nullptr;
    RetryBudget* budget = nullptr;
    const Interrupt* interrupt = nullptr;
    ProblemLog* problems = nullptr;
    const ProgressListener* progress = nullptr;
    int stdin_fd = 0;
  };

  // All that is pointed to outlives the run.
  BackupRun(const Environment& environment, absl::BitGenRef random)
      : environment_(environment), random_(random) {}

  // InvalidArgument: the request. LocalErrors: a source. Cancelled with
  // kPublishUnknown: interrupted while it was published. Else the server's.
  absl::StatusOr<BackupReport> Run(const BackupRequest& request);

 private:
  absl::StatusOr<std::unique_ptr<Source>> OpenSource(
      const ArchiveSpec& spec, const BackupRequest& request) const;
  absl::Status CheckRequest(const BackupRequest& request) const;
  absl::Status LearnLimits(const BackupRequest& request);
  absl::StatusOr<std::string> OpenSession(const BackupRequest& request);
  absl::StatusOr<SentArchive> SendArchive(const std::string& session,
                                          const ArchiveSpec& spec,
                                          const BackupRequest& request);
  absl::StatusOr<model::v1::Snapshot> Finish(
      const std::string& session,
      const std::vector<BackupReport::ArchiveReport>& archives);

  const Environment environment_;
  absl::BitGenRef random_;
  uint64_t max_blob_bytes_ = 16 * 1024 * 1024;
  uint64_t flush_interval_bytes_ = 0;
};

}  // namespace cairn::client
