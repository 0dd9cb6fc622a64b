#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/backup/archive_stream.h"
#include "client/backup/send_options.h"
#include "client/backup/sent_archive.h"
#include "client/backup/source.h"
#include "client/remote/backup_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/frame.h"
#include "client/transfer/transfer_progress.h"

namespace cairn::client {

// Sends one image of an open session as the archive of the same name in its
// base, with the ranges changed that its source gives; the server takes over
// what is between them. Resumes as StreamSender does. One thread.
class RangeSender {
 public:
  struct Base {
    std::string snapshot;     // resource name
    uint64_t size_bytes = 0;  // of its archive of that name
  };
  struct Environment {
    BackupRemote* remote = nullptr;
    RetryBudget* budget = nullptr;
    const ProgressListener* progress = nullptr;
  };

  // All pointed to outlive the sender. `options` has the archive's kind.
  RangeSender(const SendOptions& options, Base base,
              const Environment& environment)
      : options_(options), base_(std::move(base)), environment_(environment) {}

  // As StreamSender::Send. The source's size is known before its first frame.
  // FailedPrecondition (REUSE_REFUSED): the base cannot be used; no retry
  // helps, and the image must be sent whole.
  absl::StatusOr<SentArchive> Send(Source& source, uint64_t offset);

 private:
  absl::StatusOr<SentArchive> Attempt(Source& source, uint64_t offset);
  void Note(const Frame& frame, const Source& source);
  SentArchive Count(uint64_t size_bytes) const;

  const SendOptions options_;
  const Base base_;
  const Environment environment_;
  // Over all attempts.
  StreamTotals totals_;
  uint64_t read_bytes_ = 0;
  // Of the base: from where on it is looked at, up to where the source has
  // come, and how many bytes between them the source's frames replace.
  uint64_t begun_at_ = 0;
  uint64_t seen_ = 0;
  uint64_t replaced_ = 0;
};

}  // namespace cairn::client
