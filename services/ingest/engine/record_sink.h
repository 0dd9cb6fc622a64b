#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/compression/zstd.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "common/page/page_tree_builder.h"
#include "common/time/clock.h"
#include "services/ingest/domain/archive_builder.h"
#include "services/ingest/domain/chunk_cutter.h"
#include "services/ingest/engine/given_entry.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/stage_timer.h"
#include "services/ingest/metrics.h"

namespace cairn::ingest {

// Where the records of one write stream go: chunks and pages to
// chunk_storage, pages and checkpoints to index. All of one stream must go
// to one incarnation of each: a restart may have lost what was not known
// durable, so that the stream must end and be resumed at its last checkpoint.
// Then, from every call: Unavailable (INCARNATION_CHANGED).
// Thread-safe.
class RecordSink {
 public:
  struct Options {
    int zstd_level = kDefaultZstdLevel;
  };

  // All outlive the sink.
  RecordSink(const Options& options, const Peers& peers, const Clock* clock,
             const SessionRef& session, IngestMetrics* metrics)
      : options_(options),
        peers_(peers),
        clock_(clock),
        session_(session),
        metrics_(metrics) {}

  // Hashes consecutive chunks, pins them, and stores those that the store
  // lacks. A chunk that is all zero becomes a hole. At most 4096 chunks and
  // 64 MiB.
  absl::StatusOr<BuiltRun> StoreChunks(const Call& call,
                                       std::vector<CutChunk> chunks);

  // The same for consecutive entries that a client gave. Proves the payloads
  // that came with them, pins these and what stands in the base, and stores
  // payloads as they came. At most 4096 entries and 64 MiB of payloads.
  // InvalidArgument (CHUNK_MISMATCH): a payload is not what its sender says;
  // nothing is stored. FailedPrecondition (REUSE_REFUSED, metadata "offset"
  // and "length"): chunks of the base are missing or bad.
  absl::StatusOr<BuiltRun> StoreGiven(const Call& call,
                                      std::vector<GivenEntry> given);

  // Whether nothing was found lost in the store since it had `loss_mark`:
  // what could be pinned then can be now.
  absl::StatusOr<bool> IsWholeSince(const Call& call, uint64_t loss_mark);

  // Adds what was taken over without a call above to the metrics.
  void Count(const WriteTotals& totals);

  // Stores and pins pages, children before parents.
  absl::Status StorePages(const Call& call,
                          const std::vector<EncodedPage>& pages);

  // Makes all that was stored so far durable, then the checkpoint.
  absl::Status SaveCheckpoint(const Call& call,
                              const ArchiveCheckpoint& checkpoint);

  // The stage before this one: cutting the bytes into chunks.
  StageTimer TimeChunking() const {
    return StageTimer(clock_, metrics_->chunk_seconds);
  }

 private:
  struct HashedRun;
  struct GivenKeys;
  // Of one of the two, as an answer tells it. 0: not told yet.
  struct Incarnation {
    const char* const service;
    std::atomic<uint64_t> known = 0;
    absl::Status Note(uint64_t told);
  };
  // One answer per key.
  absl::StatusOr<std::vector<bool>> Pin(const Call& call,
                                        const std::vector<RecordKey>& keys);
  absl::Status Put(const Call& call, std::vector<Record> records,
                   WriteTotals& totals);
  absl::Status ProveGiven(std::vector<GivenEntry>& given,
                          WriteTotals& totals) const;
  absl::Status StoreMissingGiven(const Call& call,
                                 std::vector<GivenEntry>& given,
                                 const GivenKeys& keys,
                                 const std::vector<bool>& present,
                                 WriteTotals& totals);
  HashedRun Hash(const std::vector<CutChunk>& chunks) const;
  absl::Status StoreMissing(const Call& call,
                            const std::vector<CutChunk>& chunks,
                            const HashedRun& hashed,
                            const std::vector<bool>& present,
                            WriteTotals& totals);

  const Options options_;
  const Peers peers_;
  const Clock* const clock_;
  const SessionRef session_;
  IngestMetrics* const metrics_;
  Incarnation store_ = {.service = "chunk_storage"};
  Incarnation index_ = {.service = "index"};
};

}  // namespace cairn::ingest
