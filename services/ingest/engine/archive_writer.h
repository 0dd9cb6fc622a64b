#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "services/ingest/domain/archive_builder.h"
#include "services/ingest/domain/chunk_cutter.h"
#include "services/ingest/domain/stream_rules.h"
#include "services/ingest/engine/frame_store.h"
#include "services/ingest/engine/record_sink.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

struct WriteProgress {
  uint64_t durable_bytes = 0;   // never shrinks
  uint64_t accepted_bytes = 0;  // received
};

struct WrittenArchive {
  Archive archive;
  WriteTotals totals;  // of this stream
};

// Writes one archive of a session from a stream of frames, as a pipeline:
//
//   frames ▶ cut ▶ batches of consecutive chunks ─┬▶ store ─┬▶ in order
//            (the caller)                         └▶ store ─┘  ▶ pages
//                                                 (workers)    ▶ checkpoints
//                                                              (collector)
//
// Workers and the collector are tasks of the executor, at most
// Options::max_workers and one. The collector alone touches the builder, so
// a checkpoint is written while workers go on with later chunks. Frames wait
// in Write while the stream's budget is used up.
//
// The first error ends the stream: every call returns it. Frames come from
// one thread; Fail from any. Destroying the writer waits for its tasks.
class ArchiveWriter {
 public:
  struct Options {
    uint64_t watermark_interval_bytes = uint64_t{32} << 20;
    // A batch is handed out at one of these.
    uint64_t batch_bytes = uint64_t{1} << 20;
    size_t batch_chunks = 64;
    // Batches of one stream that are worked on at one time: enough for all
    // cores of a small machine beside the wait for the store.
    int max_workers = 4;
    // Entries whose place in the order has not come yet, some 100 bytes each.
    size_t max_uncollected_chunks = 16384;
    // Checkpoints asked for and not yet durable: bounds how far a stream runs
    // ahead of its disk.
    int max_open_checkpoints = 4;
  };
  // All outlive the writer.
  struct Dependencies {
    Executor* executor = nullptr;
    RecordSink* sink = nullptr;
  };
  // Who is told what happens behind the frames, from any thread. Must not
  // block long, nor call the writer.
  class Listener {
   public:
    virtual ~Listener() = default;
    // A checkpoint was saved. One call at a time.
    virtual void OnProgress(const WriteProgress& progress) = 0;
    // The stream has failed; the next frame will be told why. Once at most.
    virtual void OnFailure() = 0;
  };

  // Goes on from `start`, which is not complete. `call`, its token and the
  // listener outlive the writer. DataLoss: a checkpoint that is not one of
  // ours. InvalidArgument: its chunker.
  static absl::StatusOr<std::unique_ptr<ArchiveWriter>> Open(
      const Options& options, const Dependencies& dependencies,
      const Call& call, ArchiveCheckpoint start,
      std::shared_ptr<StreamBudget::Account> account, Listener* listener);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // Errors of the frame itself as StreamRules says.
  absl::Status Write(uint64_t offset, std::string bytes);
  // Ends the current chunk, whatever the length of the hole.
  absl::Status Hole(uint64_t offset, uint64_t length);
  // Asks for a checkpoint at the last chunk boundary.
  absl::Status Flush();
  // Completes the archive and waits until it is durable.
  absl::StatusOr<WrittenArchive> End(uint64_t size_bytes);

  // Ends the stream from outside. Does not block.
  void Fail(absl::Status error);

  // The error that ended the stream, or OK.
  absl::Status status() const;

 private:
  // What the collector takes in order.
  struct Slot {
    bool done = false;
    bool checkpoint = false;  // one is wanted behind this
    bool end = false;         // the archive ends behind this
    BuiltRun run;
  };
  struct Batch {
    Slot* slot = nullptr;
    std::vector<CutChunk> chunks;
  };

  ArchiveWriter(const Options& options, const Dependencies& dependencies,
                const Call& call, ArchiveBuilder builder, ArchiveKind kind,
                std::unique_ptr<Chunker> chunker,
                std::shared_ptr<StreamBudget::Account> account,
                Listener* listener);

  // What a frame failed with: its own error, or the one that ended the
  // stream before.
  absl::Status EndStream(absl::Status error);
  absl::Status TakeChunks(std::vector<CutChunk> chunks);
  absl::Status TakeFrame(std::string bytes);
  absl::Status TakeHole(uint64_t length);
  void Accept();

  // Hands the batch to the workers.
  void Dispatch();
  // Adds a slot whose result is there already.
  void AddReadySlot(std::unique_ptr<Slot> slot);
  absl::Status AddCheckpoint();
  absl::Status AwaitRoom();
  void ScheduleOrFail(void (ArchiveWriter::*task)());

  void Work();
  void FinishBatch(Slot* slot, absl::StatusOr<BuiltRun> run);
  bool BeginCollecting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Collect();
  absl::Status CollectSlots(const std::vector<std::unique_ptr<Slot>>& slots);
  // Saves it as the one that follows the last: OutOfRange (OFFSET_MISMATCH)
  // if another stream has saved the archive meanwhile.
  absl::Status Save(ArchiveCheckpoint checkpoint);
  absl::Status SaveProgress(int checkpoints);
  absl::Status Complete();

  const Options options_;
  Executor* const executor_;
  RecordSink* const sink_;
  Listener* const listener_;
  const std::shared_ptr<StreamBudget::Account> account_;
  const CancellationToken* const caller_token_;  // may be null
  CancellationToken::CallbackId caller_callback_ = 0;
  CancellationToken stop_;  // ends what runs at peers
  Call call_;               // with stop_ as its token

  // Of the thread that brings frames.
  StreamRules rules_;
  ChunkCutter cutter_;
  FrameStore frames_;
  std::vector<CutChunk> batch_;
  uint64_t batch_bytes_ = 0;
  uint64_t next_checkpoint_at_;

  // Of the collector; it is one task at a time.
  ArchiveBuilder builder_;
  uint64_t durable_bytes_;
  uint64_t saves_ = 0;  // since the start

  mutable absl::Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::unique_ptr<Slot>> slots_ ABSL_GUARDED_BY(mutex_);
  std::deque<Batch> pending_ ABSL_GUARDED_BY(mutex_);
  size_t uncollected_chunks_ ABSL_GUARDED_BY(mutex_) = 0;
  int open_checkpoints_ ABSL_GUARDED_BY(mutex_) = 0;
  int workers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool collecting_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t accepted_bytes_ ABSL_GUARDED_BY(mutex_);
  std::optional<WrittenArchive> written_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
