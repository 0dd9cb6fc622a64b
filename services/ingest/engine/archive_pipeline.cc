#include "services/ingest/engine/archive_pipeline.h"

#include <utility>

#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

// Slots that the collector takes at one time.
constexpr size_t kMaxCollectedSlots = 256;

}  // namespace

ArchivePipeline::ArchivePipeline(const Options& options,
                                 const Dependencies& dependencies,
                                 const Call& call, ArchiveBuilder builder,
                                 std::shared_ptr<StreamBudget::Account> account,
                                 Listener* listener)
    : options_(options),
      executor_(dependencies.executor),
      sink_(dependencies.sink),
      listener_(listener),
      account_(std::move(account)),
      caller_token_(call.cancellation),
      call_(call),
      next_checkpoint_at_(builder.size_bytes() +
                          options.watermark_interval_bytes),
      builder_(std::move(builder)),
      durable_bytes_(builder_.size_bytes()),
      accepted_bytes_(builder_.size_bytes()) {
  call_.cancellation = &stop_;
  if (caller_token_ != nullptr) {
    caller_callback_ = caller_token_->AddCallback(
        [this] { Fail(absl::CancelledError("stream was cancelled")); });
  }
}

ArchivePipeline::~ArchivePipeline() {
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

void ArchivePipeline::Fail(absl::Status error) {
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

absl::Status ArchivePipeline::status() const {
  absl::MutexLock lock(&mutex_);
  return error_;
}

absl::Status ArchivePipeline::EndWith(absl::Status error) {
  if (error.ok()) return error;
  Fail(std::move(error));
  return status();
}

void ArchivePipeline::Accept(uint64_t position) {
  absl::MutexLock lock(&mutex_);
  accepted_bytes_ = position;
}

void ArchivePipeline::Add(size_t entries, Store store, Append append) {
  bool start_worker = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return;
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->entries = entries;
    slots_.back()->append = std::move(append);
    uncollected_chunks_ += entries;
    pending_.push_back({slots_.back().get(), std::move(store)});
    if (workers_ < options_.max_workers) {
      ++workers_;
      start_worker = true;
    }
  }
  if (start_worker) ScheduleOrFail(&ArchivePipeline::Work);
}

void ArchivePipeline::AddReady(BuiltRun run) {
  // No worker has it, so nobody else counts it.
  sink_->Count(run.totals);
  auto slot = std::make_unique<Slot>();
  slot->entries = run.entries.size();
  slot->run = std::move(run);
  AddReadySlot(std::move(slot));
}

void ArchivePipeline::AddReady(size_t entries, Append append) {
  auto slot = std::make_unique<Slot>();
  slot->entries = entries;
  slot->append = std::move(append);
  AddReadySlot(std::move(slot));
}

absl::Status ArchivePipeline::AddCheckpoint(uint64_t boundary) {
  next_checkpoint_at_ = boundary + options_.watermark_interval_bytes;
  auto slot = std::make_unique<Slot>();
  slot->checkpoint = true;
  AddReadySlot(std::move(slot));
  return AwaitRoom();
}

void ArchivePipeline::AddReadySlot(std::unique_ptr<Slot> slot) {
  slot->done = true;
  bool collect = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!error_.ok()) return;
    uncollected_chunks_ += slot->entries;
    if (slot->checkpoint) ++open_checkpoints_;
    slots_.push_back(std::move(slot));
    collect = BeginCollecting();
  }
  if (collect) ScheduleOrFail(&ArchivePipeline::Collect);
}

absl::Status ArchivePipeline::AwaitRoom() {
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

absl::StatusOr<WrittenArchive> ArchivePipeline::Complete() {
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

// The caller has counted the task in workers_ or collecting_.
void ArchivePipeline::ScheduleOrFail(void (ArchivePipeline::*task)()) {
  const absl::Status scheduled =
      executor_->Schedule([this, task] { (this->*task)(); });
  if (scheduled.ok()) return;
  Fail(scheduled);
  absl::MutexLock lock(&mutex_);
  if (task == &ArchivePipeline::Work) {
    --workers_;
  } else {
    collecting_ = false;
  }
}

void ArchivePipeline::Work() {
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
    FinishBatch(batch.slot, batch.store(call_, *sink_));
  }
}

void ArchivePipeline::FinishBatch(Slot* slot, absl::StatusOr<BuiltRun> run) {
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
  if (collect) ScheduleOrFail(&ArchivePipeline::Collect);
}

bool ArchivePipeline::BeginCollecting() {
  if (collecting_ || !error_.ok() || slots_.empty() || !slots_.front()->done) {
    return false;
  }
  collecting_ = true;
  return true;
}

void ArchivePipeline::Collect() {
  for (;;) {
    std::vector<std::unique_ptr<Slot>> slots;
    {
      absl::MutexLock lock(&mutex_);
      while (error_.ok() && slots.size() < kMaxCollectedSlots &&
             !slots_.empty() && slots_.front()->done) {
        uncollected_chunks_ -= slots_.front()->entries;
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

absl::Status ArchivePipeline::AppendRun(Slot& slot) {
  if (slot.append == nullptr) return builder_.Add(slot.run);
  return slot.append(std::move(slot.run), builder_);
}

absl::Status ArchivePipeline::CollectSlots(
    const std::vector<std::unique_ptr<Slot>>& slots) {
  int checkpoints = 0;
  bool ends = false;
  for (const std::unique_ptr<Slot>& slot : slots) {
    RETURN_IF_ERROR(AppendRun(*slot));
    checkpoints += slot->checkpoint ? 1 : 0;
    ends = ends || slot->end;
  }
  // All that came before is stored, so one checkpoint serves for several.
  if (ends) return SaveComplete();
  RETURN_IF_ERROR(sink_->StorePages(call_, builder_.TakePages()));
  if (checkpoints == 0) return absl::OkStatus();
  return SaveProgress(checkpoints);
}

absl::Status ArchivePipeline::Save(ArchiveCheckpoint checkpoint) {
  checkpoint.revision += ++saves_;  // was that of the start
  return sink_->SaveCheckpoint(call_, checkpoint);
}

absl::Status ArchivePipeline::SaveProgress(int checkpoints) {
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

absl::Status ArchivePipeline::SaveComplete() {
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
