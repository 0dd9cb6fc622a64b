#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/read_stream.h"
#include "client/remote/retry_budget.h"
#include "client/restore/range_reader.h"
#include "client/transfer/frame.h"
#include "client/transfer/task_result.h"
#include "client/transfer/transfer_progress.h"
#include "common/concurrency/batcher.h"
#include "common/concurrency/executor.h"
#include "common/model/archive.h"

namespace cairn::client {

// A RangeReader of chunks as they are stored: the executor decodes them and
// proves each by its digest, so every byte of a frame was proved in this
// process. Holds kMaxInFlightBytes of chunks, and those that are read ahead or
// not whole.
class ChunkReader final : public RangeReader {
 public:
  // Of chunks between their coming and their last frame, stored and plain.
  static constexpr uint64_t kMaxInFlightBytes = 64 * 1024 * 1024;

  // All outlive the reader.
  ChunkReader(const RangeOptions& options, CatalogRemote* remote,
              RetryBudget* budget, const ProgressListener* progress,
              Executor* executor);

  absl::Status Open() override;
  uint64_t archive_size_bytes() const override { return archive_size_bytes_; }
  uint64_t begin() const override { return options_.offset; }
  uint64_t end() const override { return end_; }
  // DataLoss (RECORD_DAMAGED): also if a chunk's bytes do not have its
  // digest.
  absl::StatusOr<std::optional<Frame>> Next() override;

 private:
  using Plain = TaskResult<absl::StatusOr<std::string>>;
  // An entry that came whole.
  struct Arrived {
    PlacedEntry placed;
    Plain plain;        // of a chunk
    uint64_t cost = 0;  // of in_flight_
    uint64_t end() const { return placed.offset + placed.entry.total_length(); }
  };
  // A chunk of which fragments are missing.
  struct Partial {
    PlacedEntry placed;
    Encoding encoding = Encoding::kRaw;
    uint64_t stored_length = 0;
    std::string payload;
  };
  // A chunk that waits to be decoded and proved.
  struct StoredChunk {
    PlacedEntry placed;
    Encoding encoding = Encoding::kRaw;
    std::string payload;
    Plain::Promise promise;
  };

  static void Decode(const std::string& label, std::span<StoredChunk> chunks);

  absl::Status Connect();
  absl::Status TakeHeader(const ingest::v1::ReadChunksResponse& message);
  // Takes one message, or remembers why there is none.
  absl::Status Pull();
  absl::Status Take(ingest::v1::ReadChunksResponse message);
  absl::Status TakeEntry(const model::v1::ChunkEntry& proto, bool hole,
                         PlacedEntry* placed) const;
  absl::Status TakeHoles(const ingest::v1::ReadChunksResponse::Entries& holes);
  absl::Status TakeChunk(ingest::v1::ReadChunksResponse::Chunk chunk);
  absl::Status TakePayload(std::string_view payload);
  void StartDecoding();
  // Makes the first entry that arrived the current one.
  absl::Status BeginEntry();
  Frame NextFrame();
  absl::Status Confusion(std::string_view what) const;

  const RangeOptions options_;
  CatalogRemote* const remote_;
  RetryBudget* const budget_;
  const ProgressListener* const progress_;
  Batcher<StoredChunk> decoder_;
  std::unique_ptr<ChunkReadStream> stream_;  // null: to be connected
  absl::Status stream_error_;                // why it ended
  bool opened_ = false;
  uint64_t archive_size_bytes_ = 0;
  uint64_t end_ = 0;
  uint64_t position_ = 0;  // of the next frame
  uint64_t arrived_ = 0;   // end of the last entry of stream_; 0: none
  std::optional<Partial> partial_;
  std::deque<Arrived> queue_;
  uint64_t in_flight_ = 0;
  // What frames are made of now.
  std::optional<Arrived> current_;
  std::string plain_;  // of one repetition
};

}  // namespace cairn::client
