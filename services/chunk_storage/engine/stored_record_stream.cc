#include "services/chunk_storage/engine/stored_record_stream.h"

#include <algorithm>
#include <deque>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/repository_options.h"

namespace cairn::chunk_storage {
namespace {

constexpr size_t kKeysPerLookup = 256;

}  // namespace

// Shared with the tasks, which may outlive the stream.
struct StoredRecordStream::ReadAhead {
  enum class Phase { kWaiting, kRunning, kDone };
  struct Slot {
    RecordKey key;
    Place place;
    Phase phase = Phase::kWaiting;
    absl::StatusOr<Record> result = absl::UnknownError("not read");
  };

  explicit ReadAhead(const RecordReader* reader_in) : reader(reader_in) {}

  // Reads `slot`, which this thread has set to running.
  void Run(Slot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    mutex.Unlock();
    absl::StatusOr<Record> result = reader->Read(slot.key, slot.place);
    mutex.Lock();
    slot.result = std::move(result);
    slot.phase = Phase::kDone;
  }

  // A task: reads what waits, in order of place, until nothing does.
  void Work() {
    absl::MutexLock lock(&mutex);
    while (!cancelled && !queue.empty()) {
      const std::shared_ptr<Slot> slot = queue.front();
      queue.pop_front();
      if (slot->phase != Phase::kWaiting) continue;
      slot->phase = Phase::kRunning;
      Run(*slot);
    }
    --tasks;
  }

  const RecordReader* const reader;
  absl::Mutex mutex;
  bool cancelled ABSL_GUARDED_BY(mutex) = false;
  uint32_t tasks ABSL_GUARDED_BY(mutex) = 0;
  // One per key that is planned and not returned, in the order of keys.
  std::deque<std::shared_ptr<Slot>> slots ABSL_GUARDED_BY(mutex);
  // Those that wait, in the order of places.
  std::deque<std::shared_ptr<Slot>> queue ABSL_GUARDED_BY(mutex);
  uint64_t bytes ABSL_GUARDED_BY(mutex) = 0;  // payload of all slots
};

StoredRecordStream::StoredRecordStream(const RecordReader* reader,
                                       std::vector<RecordKey> keys)
    : reader_(reader),
      keys_(std::move(keys)),
      ahead_(std::make_shared<ReadAhead>(reader)) {}

StoredRecordStream::~StoredRecordStream() {
  absl::MutexLock lock(&ahead_->mutex);
  ahead_->cancelled = true;
}

absl::Status StoredRecordStream::Fill() {
  const RepositoryOptions& options = reader_->context()->options;
  std::vector<std::shared_ptr<ReadAhead::Slot>> added;
  uint64_t bytes = 0;
  {
    absl::MutexLock lock(&ahead_->mutex);
    bytes = ahead_->bytes;
  }
  if (bytes > options.read_window_bytes / 2) return absl::OkStatus();
  uint64_t added_bytes = 0;
  for (; planned_ < keys_.size(); ++planned_) {
    if (planned_ == looked_up_) {
      const auto keys = std::span(keys_).subspan(
          looked_up_, std::min(kKeysPerLookup, keys_.size() - looked_up_));
      ASSIGN_OR_RETURN(const auto found, reader_->Find(keys));
      places_.insert(places_.end(), found.begin(), found.end());
      looked_up_ += keys.size();
    }
    auto slot = std::make_shared<ReadAhead::Slot>();
    slot->key = keys_[planned_];
    if (const std::optional<Place>& place = places_[planned_]) {
      const uint64_t total = bytes + added_bytes + place->stored_length;
      if (total > options.read_window_bytes && bytes + added.size() > 0) break;
      slot->place = *place;
      added_bytes += place->stored_length;
    } else {
      slot->phase = ReadAhead::Phase::kDone;
      slot->result = MissingRecord(slot->key);
    }
    added.push_back(std::move(slot));
  }
  uint32_t wanted = 0;
  {
    absl::MutexLock lock(&ahead_->mutex);
    ahead_->bytes += added_bytes;
    ahead_->slots.insert(ahead_->slots.end(), added.begin(), added.end());
    std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) {
      return std::tie(a->place.pack, a->place.offset) <
             std::tie(b->place.pack, b->place.offset);
    });
    for (auto& slot : added) {
      if (slot->phase == ReadAhead::Phase::kWaiting) {
        ahead_->queue.push_back(slot);
      }
    }
    // The caller reads too, so a single record needs no task.
    const size_t waiting = ahead_->queue.size();
    if (waiting > 1 && options.read_parallelism > ahead_->tasks) {
      wanted = static_cast<uint32_t>(std::min<size_t>(
          waiting - 1, options.read_parallelism - ahead_->tasks));
    }
    ahead_->tasks += wanted;
  }
  for (; wanted > 0; --wanted) {
    const absl::Status scheduled = reader_->context()->tasks->Schedule(
        [ahead = ahead_]() { ahead->Work(); });
    if (!scheduled.ok()) break;
  }
  if (wanted > 0) {
    absl::MutexLock lock(&ahead_->mutex);
    ahead_->tasks -= wanted;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Record>> StoredRecordStream::Next() {
  RETURN_IF_ERROR(error_);
  if (next_ == keys_.size()) return std::nullopt;
  error_ = Fill();
  RETURN_IF_ERROR(error_);
  std::shared_ptr<ReadAhead::Slot> slot;
  {
    absl::MutexLock lock(&ahead_->mutex);
    slot = ahead_->slots.front();
    ahead_->slots.pop_front();
    if (slot->phase == ReadAhead::Phase::kWaiting) {
      slot->phase = ReadAhead::Phase::kRunning;
      ahead_->Run(*slot);
    }
    const auto done = [&slot]() {
      return slot->phase == ReadAhead::Phase::kDone;
    };
    reader_->context()->executor->Await(&ahead_->mutex, absl::Condition(&done),
                                        absl::InfiniteDuration());
    ahead_->bytes -= slot->place.stored_length;
  }
  ++next_;
  error_ = slot->result.status();
  RETURN_IF_ERROR(error_);
  return std::optional<Record>(*std::move(slot->result));
}

}  // namespace cairn::chunk_storage
