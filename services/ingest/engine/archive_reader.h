#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/batcher.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/model/archive.h"
#include "common/model/call.h"
#include "common/model/names.h"
#include "common/model/record.h"
#include "common/time/clock.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/snapshot_lease.h"
#include "services/ingest/engine/stream_budget.h"
#include "services/ingest/metrics.h"

namespace cairn::ingest {

// Bytes of an archive, or a run of zeros.
struct ReadPiece {
  uint64_t offset = 0;
  uint64_t length = 0;  // > 0
  bool is_hole = false;
  std::string_view bytes;             // empty for a hole
  std::shared_ptr<const void> owner;  // of `bytes`
};

// Reads a range of an archive in order. A task fetches entries and records
// ahead of the reader, other tasks decode them and prove them against their
// digests, side by side; all within the stream's budget. A chunk that is
// repeated is fetched once. Next comes from one thread. Destroying the
// reader waits for its tasks.
class ArchiveReader {
 public:
  struct Options {
    uint32_t window_entries = 1024;  // asked from index at one time, 1..4096
    size_t max_queued_entries = 64;  // fetched, not yet given out
  };
  // All outlive the reader.
  struct Dependencies {
    Peers peers;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    IngestMetrics* metrics = nullptr;
  };
  struct Range {
    ArchiveName archive;
    DatastoreRef datastore;
    uint64_t offset = 0;
    uint64_t end = 0;  // exclusive, at most the archive's size
  };

  // What a reader must be guaranteed: one chunk, encoded and decoded.
  static uint64_t GuaranteeFor(uint64_t max_chunk_bytes) {
    return 2 * max_chunk_bytes + (uint64_t{64} << 10);
  }

  // `call` and its token outlive the reader.
  ArchiveReader(const Options& options, const Dependencies& dependencies,
                const Call& call, Range range,
                std::unique_ptr<SnapshotLease> lease,
                std::shared_ptr<StreamBudget::Account> account);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  // The next piece; nullopt after the last. A piece of bytes is one chunk or
  // the part of it within the range. Pieces that were got before are to be
  // let go: they count in the budget. DataLoss names the chunk and the byte
  // range of the archive; all that was given out before it is good.
  absl::StatusOr<std::optional<ReadPiece>> Next();

 private:
  class Plain;  // decoded bytes and what they cost
  // An entry that was fetched, in the order of the archive.
  struct Item {
    PlacedEntry entry;
    bool ready = false;
    absl::Status error;
    std::shared_ptr<const Plain> plain;
  };

  // A record that waits to be decoded and proved.
  struct StoredChunk {
    Item* item = nullptr;
    uint64_t cost = 0;
    Record record;
  };

  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void StartFetching();
  void Fetch();
  absl::StatusOr<bool> FetchOne();
  absl::Status OpenWindow();
  absl::Status FetchChunk(const PlacedEntry& entry);
  void Decode(std::span<StoredChunk> chunks);
  void FinishDecoded(const StoredChunk& chunk,
                     absl::StatusOr<std::string> plain);
  void Push(std::unique_ptr<Item> item);
  void Finish(Item* item, absl::StatusOr<std::shared_ptr<const Plain>> plain);
  absl::Status Describe(const absl::Status& error,
                        const PlacedEntry& entry) const;
  std::optional<ReadPiece> TakePiece();
  Call PeerCall() const { return ForPeer(call_, *dependencies_.clock); }

  const Options options_;
  const Dependencies dependencies_;
  const Range range_;
  const std::unique_ptr<SnapshotLease> lease_;
  const std::shared_ptr<StreamBudget::Account> account_;
  const CancellationToken* const caller_token_;  // may be null
  CancellationToken::CallbackId caller_callback_ = 0;
  CancellationToken stop_;
  Call call_;  // with stop_ as its token

  Batcher<StoredChunk> decoder_;

  // Of the fetching task; it is one at a time.
  std::vector<PlacedEntry> window_;
  size_t next_in_window_ = 0;
  uint64_t fetched_to_;  // all before is in the window or given out
  std::unique_ptr<RecordStream> records_;

  // Of the reading thread: the item at the front of the queue.
  std::unique_ptr<Item> current_;
  uint64_t position_;

  mutable absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool fetching_ ABSL_GUARDED_BY(mutex_) = false;
  bool fetched_all_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status fetch_error_ ABSL_GUARDED_BY(mutex_);
  int decoding_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::unique_ptr<Item>> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
