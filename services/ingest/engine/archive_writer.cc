#include "services/ingest/engine/archive_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/chunking/chunker.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

// Slots that the collector takes at one time.
constexpr size_t kMaxCollectedSlots = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Open(
    const Options& options, const Dependencies& dependencies, const Call& call,
    ArchiveCheckpoint start, std::shared_ptr<StreamBudget::Account> account,
    Listener* listener) {
  ASSIGN_OR_RETURN(std::unique_ptr<Chunker> chunker, NewChunker(start.chunker));
  const ArchiveKind kind = start.kind;
  ASSIGN_OR_RETURN(ArchiveBuilder builder,
                   ArchiveBuilder::Restore(std::move(start)));
  std::unique_ptr<ArchiveWriter> writer(
      new ArchiveWriter(options, dependencies, call, std::move(builder), kind,
                        std::move(chunker), std::move(account), listener));
  if (call.cancellation != nullptr) {
    writer->caller_callback_ =
        call.cancellation->AddCallback([target = writer.get()] {
          target->Fail(absl::CancelledError("stream was cancelled"));
        });
  }
  return writer;
}

ArchiveWriter::ArchiveWriter(const Options& options,
                             const Dependencies& dependencies, const Call& call,
                             ArchiveBuilder builder, ArchiveKind kind,
                             std::unique_ptr<Chunker> chunker,
                             std::shared_ptr<StreamBudget::Account> account,
                             Listener* listener)
    : options_(options),
      executor_(dependencies.executor),
      sink_(dependencies.sink),
      listener_(listener),
      account_(account),
      caller_token_(call.cancellation),
      call_(call),
      rules_(kind, builder.size_bytes()),
      cutter_(std::move(chunker), builder.size_bytes()),
      frames_(std::move(account)),
      next_checkpoint_at_(builder.size_bytes() +
                          options.watermark_interval_bytes),
      builder_(std::move(builder)),
      durable_bytes_(builder_.size_bytes()),
      accepted_bytes_(builder_.size_bytes()) {
  call_.cancellation = &stop_;
}

ArchiveWriter::~ArchiveWriter() {
  if (caller_token_ != nullptr) {
    caller_token_->RemoveCallback(caller_callback_);
  }
  Fail(absl::CancelledError("stream was abandoned"));
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return workers_ == 0 && !collecting_;
  };
  executor_->Await(&mutex_, absl::Condition(&idle), absl::InfiniteDuration());
}

void ArchiveWriter::Fail(absl::Status error) {
  std::deque<Batch> dropped;
  {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return;
    error_ = std::move(error);
    dropped.swap(pending_);
  }
  account_->Close();
  stop_.Cancel();
  listener_->OnFailure();
}

absl::Status ArchiveWriter::status() const {
  absl::MutexLock lock(&mutex_);
  return error_;
}

absl::Status ArchiveWriter::EndStream(absl::Status error) {
  if (error.ok()) return error;
  Fail(std::move(error));
  return status();
}

void ArchiveWriter::Accept() {
  absl::MutexLock lock(&mutex_);
  accepted_bytes_ = rules_.position();
}

absl::Status ArchiveWriter::Write(uint64_t offset, std::string bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(EndStream(rules_.Data(offset, bytes.size())));
  return EndStream(TakeFrame(std::move(bytes)));
}

absl::Status ArchiveWriter::TakeFrame(std::string bytes) {
  ASSIGN_OR_RETURN(const BytePiece piece,
                   frames_.Take(std::move(bytes), [this] { Dispatch(); }));
  Accept();
  return TakeChunks(cutter_.Add(piece.owner, piece.bytes));
}

absl::Status ArchiveWriter::TakeChunks(std::vector<CutChunk> chunks) {
  for (CutChunk& chunk : chunks) {
    const uint64_t end = chunk.offset + chunk.length;
    batch_bytes_ += chunk.length;
    batch_.push_back(std::move(chunk));
    if (batch_bytes_ >= options_.batch_bytes ||
        batch_.size() >= options_.batch_chunks) {
      Dispatch();
      RETURN_IF_ERROR(AwaitRoom());
    }
    if (end >= next_checkpoint_at_) RETURN_IF_ERROR(AddCheckpoint());
  }
  return absl::OkStatus();
}

absl::Status ArchiveWriter::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(EndStream(rules_.Hole(offset, length)));
  return EndStream(TakeHole(length));
}

absl::Status ArchiveWriter::TakeHole(uint64_t length) {
  Accept();
  if (std::optional<CutChunk> last = cutter_.Cut(); last.has_value()) {
    batch_bytes_ += last->length;
    batch_.push_back(*std::move(last));
  }
  Dispatch();
  cutter_.SkipHole(length);
  auto slot = std::make_unique<Slot>();
  slot->run.entries.push_back({.is_hole = true, .length = length});
  slot->run.totals.hole_bytes = length;
  AddReadySlot(std::move(slot));
  RETURN_IF_ERROR(AwaitRoom());
  if (cutter_.boundary() >= next_checkpoint_at_) return AddCheckpoint();
  return absl::OkStatus();
}

absl::Status ArchiveWriter::Flush() {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(EndStream(rules_.Flush()));
  return EndStream(AddCheckpoint());
}

absl::StatusOr<WrittenArchive> ArchiveWriter::End(uint64_t size_bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(EndStream(rules_.End(size_bytes)));
  if (std::optional<CutChunk> last = cutter_.Cut(); last.has_value()) {
    batch_.push_back(*std::move(last));
  }
  Dispatch();
  auto slot = std::make_unique<Slot>();
  slot->end = true;
  AddReadySlot(std::move(slot));

  absl::MutexLock lock(&mutex_);
  const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !error_.ok() || written_.has_value();
  };
  executor_->Await(&mutex_, absl::Condition(&ended), absl::InfiniteDuration());
  if (written_.has_value()) return *written_;
  return error_;
}

void ArchiveWriter::Dispatch() {
  if (batch_.empty()) return;
  bool start_worker = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return;
    slots_.push_back(std::make_unique<Slot>());
    uncollected_chunks_ += batch_.size();
    pending_.push_back({slots_.back().get(), std::move(batch_)});
    if (workers_ < options_.max_workers) {
      ++workers_;
      start_worker = true;
    }
  }
  batch_.clear();
  batch_bytes_ = 0;
  if (start_worker) ScheduleOrFail(&ArchiveWriter::Work);
}

void ArchiveWriter::AddReadySlot(std::unique_ptr<Slot> slot) {
  slot->done = true;
  bool collect = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return;
    uncollected_chunks_ += slot->run.entries.size();
    if (slot->checkpoint) ++open_checkpoints_;
    slots_.push_back(std::move(slot));
    collect = BeginCollecting();
  }
  if (collect) ScheduleOrFail(&ArchiveWriter::Collect);
}

absl::Status ArchiveWriter::AddCheckpoint() {
  Dispatch();
  next_checkpoint_at_ = cutter_.boundary() + options_.watermark_interval_bytes;
  auto slot = std::make_unique<Slot>();
  slot->checkpoint = true;
  AddReadySlot(std::move(slot));
  return AwaitRoom();
}

absl::Status ArchiveWriter::AwaitRoom() {
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !error_.ok() ||
           (uncollected_chunks_ < options_.max_uncollected_chunks &&
            open_checkpoints_ < options_.max_open_checkpoints);
  };
  executor_->Await(&mutex_, absl::Condition(&has_room),
                   absl::InfiniteDuration());
  return error_;
}

// The caller has counted the task in workers_ or collecting_.
void ArchiveWriter::ScheduleOrFail(void (ArchiveWriter::*task)()) {
  const absl::Status scheduled =
      executor_->Schedule([this, task] { (this->*task)(); });
  if (scheduled.ok()) return;
  Fail(scheduled);
  absl::MutexLock lock(&mutex_);
  if (task == &ArchiveWriter::Work) {
    --workers_;
  } else {
    collecting_ = false;
  }
}

void ArchiveWriter::Work() {
  for (;;) {
    Batch batch;
    {
      absl::MutexLock lock(&mutex_);
      if (!error_.ok() || pending_.empty()) {
        --workers_;
        return;
      }
      batch = std::move(pending_.front());
      pending_.pop_front();
    }
    FinishBatch(batch.slot, sink_->StoreChunks(call_, std::move(batch.chunks)));
  }
}

void ArchiveWriter::FinishBatch(Slot* slot, absl::StatusOr<BuiltRun> run) {
  if (!run.ok()) {
    Fail(run.status());
    return;
  }
  bool collect = false;
  {
    absl::MutexLock lock(&mutex_);
    slot->run = *std::move(run);
    slot->done = true;
    collect = BeginCollecting();
  }
  if (collect) ScheduleOrFail(&ArchiveWriter::Collect);
}

bool ArchiveWriter::BeginCollecting() {
  if (collecting_ || !error_.ok() || slots_.empty() || !slots_.front()->done) {
    return false;
  }
  collecting_ = true;
  return true;
}

void ArchiveWriter::Collect() {
  for (;;) {
    std::vector<std::unique_ptr<Slot>> slots;
    {
      absl::MutexLock lock(&mutex_);
      while (error_.ok() && slots.size() < kMaxCollectedSlots &&
             !slots_.empty() && slots_.front()->done) {
        uncollected_chunks_ -= slots_.front()->run.entries.size();
        slots.push_back(std::move(slots_.front()));
        slots_.pop_front();
      }
      if (slots.empty()) {
        collecting_ = false;
        return;
      }
    }
    const absl::Status status = CollectSlots(slots);
    if (!status.ok()) Fail(status);
  }
}

absl::Status ArchiveWriter::CollectSlots(
    const std::vector<std::unique_ptr<Slot>>& slots) {
  int checkpoints = 0;
  bool ends = false;
  for (const std::unique_ptr<Slot>& slot : slots) {
    RETURN_IF_ERROR(builder_.Add(slot->run));
    checkpoints += slot->checkpoint ? 1 : 0;
    ends = ends || slot->end;
  }
  // All that came before is stored, so one checkpoint serves for several.
  if (ends) return Complete();
  RETURN_IF_ERROR(sink_->StorePages(call_, builder_.TakePages()));
  if (checkpoints == 0) return absl::OkStatus();
  return SaveProgress(checkpoints);
}

absl::Status ArchiveWriter::Save(ArchiveCheckpoint checkpoint) {
  checkpoint.revision += ++saves_;  // was that of the start
  return sink_->SaveCheckpoint(call_, checkpoint);
}

absl::Status ArchiveWriter::SaveProgress(int checkpoints) {
  if (builder_.size_bytes() != durable_bytes_) {
    RETURN_IF_ERROR(Save(builder_.Checkpoint()));
    durable_bytes_ = builder_.size_bytes();
  }
  WriteProgress progress{.durable_bytes = durable_bytes_};
  {
    absl::MutexLock lock(&mutex_);
    open_checkpoints_ -= checkpoints;
    progress.accepted_bytes = accepted_bytes_;
  }
  listener_->OnProgress(progress);
  return absl::OkStatus();
}

absl::Status ArchiveWriter::Complete() {
  ASSIGN_OR_RETURN(const ArchiveCheckpoint checkpoint, builder_.Finish());
  RETURN_IF_ERROR(sink_->StorePages(call_, builder_.TakePages()));
  RETURN_IF_ERROR(Save(checkpoint));
  WrittenArchive written{.archive = {.name = checkpoint.name,
                                     .kind = checkpoint.kind,
                                     .chunker = checkpoint.chunker,
                                     .root = *checkpoint.root},
                         .totals = builder_.totals()};
  absl::MutexLock lock(&mutex_);
  written_ = std::move(written);
  return absl::OkStatus();
}

}  // namespace cairn::ingest
