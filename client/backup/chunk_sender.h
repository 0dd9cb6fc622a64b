#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/archive_stream.h"
#include "client/backup/base_index.h"
#include "client/backup/refused_ranges.h"
#include "client/backup/send_options.h"
#include "client/backup/sent_archive.h"
#include "client/backup/source.h"
#include "client/remote/backup_remote.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/retry_budget.h"
#include "client/transfer/transfer_progress.h"
#include "common/concurrency/executor.h"

namespace cairn::client {

// Sends one archive of an open session as chunks: cuts, hashes and compresses
// them here, and names what the session's base has instead of sending it.
// Resumes as StreamSender does. One thread reads, decides and sends in order;
// the executor hashes and compresses.
//
// Memory: kMaxInFlightBytes of chunks, one unfinished chunk, the base index,
// and for each of the executor's threads what zstd needs.
class ChunkSender {
 public:
  // Of chunks between the cut and the sending. A chunk counts as
  // kMinChunkCost at least.
  static constexpr uint64_t kMaxInFlightBytes = 64 * 1024 * 1024;
  static constexpr uint64_t kMinChunkCost = 4096;

  struct Environment {
    BackupRemote* remote = nullptr;
    CatalogRemote* catalog = nullptr;
    RetryBudget* budget = nullptr;
    const ProgressListener* progress = nullptr;
    Executor* executor = nullptr;
  };

  // `base_archive`: resource name of the archive of the same name in the
  // session's base; empty: there is no base. All pointed to outlive the
  // sender.
  ChunkSender(const SendOptions& options, const std::string& base_archive,
              const Environment& environment);

  // As StreamSender::Send. A reuse that the server refuses is sent.
  absl::StatusOr<SentArchive> Send(Source& source, uint64_t offset);

 private:
  // Where the archive goes on, and where the base has what follows, as far
  // as that is known.
  struct Place {
    uint64_t offset = 0;
    uint64_t base_offset = 0;
  };
  // Where one archive offset was found in the base, while it was not durable.
  static constexpr size_t kMaxMatches = 1024;

  class Attempt;

  // OK: `error` was a refusal that is remembered, so that the archive is to
  // be resumed at once.
  absl::Status NoteRefusal(const absl::Status& error);
  SentArchive Count(uint64_t size_bytes) const;
  void NoteMatch(const Place& match);
  Place PlaceAt(uint64_t offset) const;

  const SendOptions options_;
  const Environment environment_;
  const bool by_place_;
  BaseIndex base_;
  RefusedRanges refused_;
  std::deque<Place> matches_;  // by offset
  // Over all attempts.
  StreamTotals totals_;
  uint64_t read_bytes_ = 0;
  uint64_t reused_bytes_ = 0;
};

}  // namespace cairn::client
