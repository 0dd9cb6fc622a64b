#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/backup/archive_stream.h"
#include "client/backup/send_options.h"
#include "client/backup/sent_archive.h"
#include "client/backup/source.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/transfer_progress.h"

namespace cairn::client {

// Sends one archive of an open session as raw bytes, however often the
// connection breaks: asks how far it is durable, lets the source go back
// there, and goes on. One thread.
class StreamSender {
 public:
  // All outlive the sender.
  StreamSender(const SendOptions& options, BackupRemote* remote,
               RetryBudget* budget, const ProgressListener* progress)
      : options_(options),
        remote_(remote),
        budget_(budget),
        progress_(progress) {}

  // Begins at `offset`, up to which the archive is durable. Errors: of the
  // source; of the server, if a retry does not help or the budget is used up;
  // Aborted (SESSION_FENCED, SESSION_ENDED).
  absl::StatusOr<SentArchive> Send(Source& source, uint64_t offset);

 private:
  absl::StatusOr<SentArchive> Attempt(Source& source, uint64_t offset);
  SentArchive Count(uint64_t size_bytes) const;

  const SendOptions options_;
  BackupRemote* const remote_;
  RetryBudget* const budget_;
  const ProgressListener* const progress_;
  // Over all attempts.
  StreamTotals totals_;
  uint64_t read_bytes_ = 0;
};

}  // namespace cairn::client
