#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "services/ingest/domain/archive_builder.h"
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

// What all ways of writing one archive share: batches of work go in, in the
// order of the archive; what they give becomes its pages and checkpoints.
//
//   batches ─┬▶ store ─┬▶ in order
//            └▶ store ─┘  ▶ pages
//            (workers)    ▶ checkpoints
//                         (collector)
//
// Workers and the collector are tasks of the executor, at most
// Options::max_workers and one. The collector alone touches the builder, so
// a checkpoint is written while workers go on with later batches.
//
// The first error ends the archive's stream: whatever is added later is
// dropped. What adds comes from one thread; Fail from any. Destroying the
// pipeline waits for its tasks.
class ArchivePipeline {
 public:
  struct Options {
    uint64_t watermark_interval_bytes = uint64_t{32} << 20;
    // A batch is handed out at one of these: several chunks, whose digests are
    // found side by side.
    uint64_t batch_bytes = uint64_t{4} << 20;
    size_t batch_chunks = 64;
    // Batches of one stream that are worked on at one time: enough for all
    // cores of a small machine beside the wait for the store.
    int max_workers = 4;
    // Entries whose place in the order has not come yet, some 100 bytes each.
    size_t max_uncollected_chunks = 16384;
    // Checkpoints asked for and not yet durable: bounds how far a stream runs
    // ahead of its disk.
    int max_open_checkpoints = 4;
    // Of a base between two changed ranges: more are taken over by whole
    // pages, where that may be; so many cost about what it does.
    size_t min_spliced_entries = 1024;
  };
  // All outlive the pipeline.
  struct Dependencies {
    Executor* executor = nullptr;
    RecordSink* sink = nullptr;
  };
  // Who is told what happens behind the frames, from any thread. Must not
  // block long, nor call the pipeline.
  class Listener {
   public:
    virtual ~Listener() = default;
    // A checkpoint was saved. One call at a time.
    virtual void OnProgress(const WriteProgress& progress) = 0;
    // The stream has failed; the next frame will be told why. Once at most.
    virtual void OnFailure() = 0;
  };
  // The work of one batch: pins or stores what it refers to, beside others,
  // and gives its entries.
  using Store = absl::AnyInvocable<absl::StatusOr<BuiltRun>(const Call& call,
                                                            RecordSink& sink)>;
  // Adds what the work gave, in the order of the archive: after all before,
  // and one at a time.
  using Append =
      absl::AnyInvocable<absl::Status(BuiltRun run, ArchiveBuilder& builder)>;

  // Goes on where `builder` stands. `call`, its token and the listener
  // outlive the pipeline. `account` is closed when the stream fails.
  ArchivePipeline(const Options& options, const Dependencies& dependencies,
                  const Call& call, ArchiveBuilder builder,
                  std::shared_ptr<StreamBudget::Account> account,
                  Listener* listener);
  ~ArchivePipeline();
  ArchivePipeline(const ArchivePipeline&) = delete;
  ArchivePipeline& operator=(const ArchivePipeline&) = delete;

  // Hands out a batch of `entries` entries. Without `append` they are added
  // to the builder as they are.
  void Add(size_t entries, Store store, Append append = nullptr);
  // Adds entries that need no work.
  void AddReady(BuiltRun run);
  // Adds what `append` itself adds to the builder, about `entries` entries.
  void AddReady(size_t entries, Append append);
  // Asks for a checkpoint behind what was added, which ends at `boundary`.
  absl::Status AddCheckpoint(uint64_t boundary);
  // Whether one is due behind what ends at `boundary`.
  bool IsCheckpointDue(uint64_t boundary) const {
    return boundary >= next_checkpoint_at_;
  }
  // Waits until more may be added. The error that ended the stream.
  absl::Status AwaitRoom();
  // Ends the archive behind what was added and waits until it is durable.
  absl::StatusOr<WrittenArchive> Complete();

  // All before `position` was received.
  void Accept(uint64_t position);

  // Ends the stream. Does not block.
  void Fail(absl::Status error);
  // Fails with `error` unless it is OK, and returns what ended the stream: it
  // may have failed before. OK stays OK.
  absl::Status EndWith(absl::Status error);
  // The error that ended the stream, or OK.
  absl::Status status() const;

  const Options& options() const { return options_; }
  // Of what the stream asks its peers: cancelled when it fails.
  const Call& call() const { return call_; }

  // For the writer, while it cuts what comes into chunks.
  StageTimer TimeChunking() const { return sink_->TimeChunking(); }

 private:
  // What the collector takes in order.
  struct Slot {
    bool done = false;
    bool checkpoint = false;  // one is wanted behind this
    bool end = false;         // the archive ends behind this
    size_t entries = 0;
    BuiltRun run;
    Append append;
  };
  struct Batch {
    Slot* slot = nullptr;
    Store store;
  };

  void AddReadySlot(std::unique_ptr<Slot> slot);
  void ScheduleOrFail(void (ArchivePipeline::*task)());
  void Work();
  void FinishBatch(Slot* slot, absl::StatusOr<BuiltRun> run);
  bool BeginCollecting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Collect();
  absl::Status CollectSlots(const std::vector<std::unique_ptr<Slot>>& slots);
  absl::Status AppendRun(Slot& slot);
  // Saves it as the one that follows the last: OutOfRange (OFFSET_MISMATCH)
  // if another stream has saved the archive meanwhile.
  absl::Status Save(ArchiveCheckpoint checkpoint);
  absl::Status SaveProgress(int checkpoints);
  absl::Status SaveComplete();

  const Options options_;
  Executor* const executor_;
  RecordSink* const sink_;
  Listener* const listener_;
  const std::shared_ptr<StreamBudget::Account> account_;
  const CancellationToken* const caller_token_;  // may be null
  CancellationToken::CallbackId caller_callback_ = 0;
  CancellationToken stop_;  // ends what runs at peers
  Call call_;               // with stop_ as its token

  uint64_t next_checkpoint_at_;  // of the thread that adds

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
