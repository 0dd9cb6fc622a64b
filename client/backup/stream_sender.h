#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/model/v1/model.pb.h"
#include "client/backup/source.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/transfer_progress.h"

namespace cairn::client {

// What the server has of an archive that was sent whole.
struct SentArchive {
  uint64_t size_bytes = 0;
  // Set if one stream carried the whole archive; else nobody has counted.
  std::optional<ingest::v1::WriteStatistics> statistics;
};

// Sends one archive of an open session, however often the connection breaks:
// asks how far it is durable, lets the source go back there, and goes on.
// One thread.
class StreamSender {
 public:
  struct Options {
    std::string session;  // resource name
    std::string archive;
    model::v1::ArchiveKind kind = model::v1::ARCHIVE_KIND_STREAM;
    // Asks for a watermark after this many bytes without one; 0: never,
    // the server's own interval is short enough.
    uint64_t flush_interval_bytes = 0;
  };

  // All outlive the sender.
  StreamSender(const Options& options, BackupRemote* remote,
               RetryBudget* budget, const ProgressListener* progress)
      : options_(options),
        remote_(remote),
        budget_(budget),
        progress_(progress) {}

  // Errors: of the source; of the server, if a retry does not help or the
  // budget is used up; Aborted (SESSION_FENCED, SESSION_ENDED).
  absl::StatusOr<SentArchive> Send(Source& source);

 private:
  // Where the archive stands at the server.
  struct Standing {
    bool complete = false;
    uint64_t bytes = 0;  // durable, or the size if complete
  };

  absl::StatusOr<Standing> FindStanding();
  absl::StatusOr<SentArchive> Attempt(Source& source, uint64_t offset);
  absl::StatusOr<SentArchive> End(Source& source, uint64_t offset,
                                  WriteStream& stream);
  absl::Status WaitForRoom(WriteStream& stream);
  // Takes over what the server made durable; its error if the call is over.
  absl::Status Advance(Source& source, const WriteStream::State& state);
  void Report(const Source& source, uint64_t bytes) const;

  const Options options_;
  BackupRemote* const remote_;
  RetryBudget* const budget_;
  const ProgressListener* const progress_;
  uint64_t durable_ = 0;
  uint64_t asked_ = 0;  // up to where a watermark was asked for
};

}  // namespace cairn::client
