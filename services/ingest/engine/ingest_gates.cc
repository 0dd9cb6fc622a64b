#include "services/ingest/engine/ingest_gates.h"

#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

void ChunkGate::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

void ChunkGate::Open() {
  absl::MutexLock lock(&mutex_);
  closed_ = false;
}

absl::StatusOr<PinReply> ChunkGate::Pin(const Call& call,
                                        const SessionRef& session,
                                        std::span<const RecordKey> keys) {
  pinned_ += keys.size();
  {
    absl::MutexLock lock(&mutex_);
    const auto is_open = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !closed_;
    };
    mutex_.Await(absl::Condition(&is_open));
  }
  return store_->Pin(call, session, keys);
}

void ChunkGate::AfterAppend(absl::AnyInvocable<absl::Status()> after) {
  absl::MutexLock lock(&mutex_);
  after_append_ = std::move(after);
}

std::vector<Record> ChunkGate::Appended(RecordKind kind) const {
  absl::MutexLock lock(&mutex_);
  std::vector<Record> found;
  for (const Record& record : appended_) {
    if (record.key.kind == kind) found.push_back(record);
  }
  return found;
}

absl::StatusOr<uint64_t> ChunkGate::Append(const Call& call,
                                           const DatastoreRef& datastore,
                                           std::vector<Record> records) {
  {
    absl::MutexLock lock(&mutex_);
    appended_.insert(appended_.end(), records.begin(), records.end());
  }
  absl::StatusOr<uint64_t> sequence =
      store_->Append(call, datastore, std::move(records));
  absl::MutexLock lock(&mutex_);
  if (after_append_ != nullptr) RETURN_IF_ERROR(after_append_());
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  return sequence;
}

void LeaseGate::SetAway(bool away) {
  absl::MutexLock lock(&mutex_);
  away_ = away;
}

void LeaseGate::BeforeAcquire(absl::AnyInvocable<void()> before) {
  absl::MutexLock lock(&mutex_);
  before_acquire_ = std::move(before);
}

size_t LeaseGate::releases() const {
  absl::MutexLock lock(&mutex_);
  return releases_;
}

absl::Status LeaseGate::CheckAlive(const Call& call) const {
  {
    absl::MutexLock lock(&mutex_);
    if (away_) return absl::UnavailableError("maintenance is away");
  }
  if (call.deadline < clock_->Now()) {
    return absl::DeadlineExceededError("call has no time left");
  }
  if (call.cancellation == nullptr) return absl::OkStatus();
  return call.cancellation->Check();
}

absl::StatusOr<Lease> LeaseGate::Acquire(const Call& call,
                                         const LeaseRequest& request) {
  absl::AnyInvocable<void()> before;
  {
    absl::MutexLock lock(&mutex_);
    before = std::exchange(before_acquire_, nullptr);
  }
  if (before != nullptr) before();
  RETURN_IF_ERROR(CheckAlive(call));
  return leases_->Acquire(call, request);
}

absl::StatusOr<Lease> LeaseGate::Renew(const Call& call,
                                       const std::string& datastore,
                                       const Uuid& id) {
  RETURN_IF_ERROR(CheckAlive(call));
  return leases_->Renew(call, datastore, id);
}

absl::Status LeaseGate::Release(const Call& call, const std::string& datastore,
                                const Uuid& id) {
  {
    absl::MutexLock lock(&mutex_);
    ++releases_;
  }
  RETURN_IF_ERROR(CheckAlive(call));
  return leases_->Release(call, datastore, id);
}

absl::StatusOr<ListPage<Lease>> LeaseGate::List(const Call& call,
                                                const std::string& datastore,
                                                const PageRequest& page) {
  return leases_->List(call, datastore, page);
}

absl::StatusOr<EpochState> LeaseGate::GetEpoch(const Call& call,
                                               const std::string& datastore) {
  return leases_->GetEpoch(call, datastore);
}

absl::StatusOr<EpochState> LeaseGate::AdvanceEpoch(
    const Call& call, const std::string& datastore) {
  return leases_->AdvanceEpoch(call, datastore);
}

void SessionGate::AfterGet(int number, absl::AnyInvocable<void()> after) {
  absl::MutexLock lock(&mutex_);
  gets_left_ = number;
  after_get_ = std::move(after);
}

void SessionGate::FailNextOpen(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  next_open_ = std::move(error);
}

void SessionGate::AnswerDiffs(
    std::vector<absl::StatusOr<ArchiveDiff>> answers) {
  absl::MutexLock lock(&mutex_);
  diffs_.assign(answers.begin(), answers.end());
}

absl::StatusOr<uint64_t> SessionGate::PutPages(
    const Call& call, const SessionRef& session,
    const std::vector<EncodedPage>& pages) {
  ASSIGN_OR_RETURN(const uint64_t incarnation,
                   sessions_->PutPages(call, session, pages));
  const uint64_t told = incarnation + starts_;
  // Far from 0, which would tell that no pages were stored.
  if (restart_.exchange(false)) starts_ += 1000;
  return told;
}

absl::StatusOr<ArchiveDiff> SessionGate::DiffArchives(
    const Call& call, const ArchiveName& base, const ArchiveName& archive,
    uint64_t offset, uint32_t max_ranges) {
  {
    absl::MutexLock lock(&mutex_);
    if (!diffs_.empty()) {
      absl::StatusOr<ArchiveDiff> answer = std::move(diffs_.front());
      diffs_.pop_front();
      return answer;
    }
  }
  return sessions_->DiffArchives(call, base, archive, offset, max_ranges);
}

absl::StatusOr<Session> SessionGate::OpenSession(const Call& call,
                                                 const NewSession& session) {
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(std::exchange(next_open_, absl::OkStatus()));
  }
  return sessions_->OpenSession(call, session);
}

void SessionGate::HangGets(FakeClock* clock) {
  absl::MutexLock lock(&mutex_);
  hang_clock_ = clock;
}

absl::StatusOr<Session> SessionGate::GetSession(const Call& call,
                                                const SessionName& name) {
  {
    absl::MutexLock lock(&mutex_);
    if (hang_clock_ != nullptr) {
      hang_clock_->Advance(call.deadline - hang_clock_->Now());
      return absl::DeadlineExceededError("index does not answer");
    }
  }
  absl::StatusOr<Session> session = sessions_->GetSession(call, name);
  absl::AnyInvocable<void()> after;
  {
    absl::MutexLock lock(&mutex_);
    if (gets_left_ > 0 && --gets_left_ == 0) {
      after = std::exchange(after_get_, nullptr);
    }
  }
  if (after != nullptr) after();
  return session;
}

void TimerGate::RunTimers() {
  std::vector<TimerId> due;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, task] : timers_) due.push_back(id);
  }
  for (const TimerId id : due) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = timers_.find(id);
      if (found == timers_.end()) continue;  // one before has cancelled it
      task = std::move(found->second);
      timers_.erase(found);
    }
    task();
  }
}

size_t TimerGate::pending() const {
  absl::MutexLock lock(&mutex_);
  return timers_.size();
}

Executor::TimerId TimerGate::ScheduleAfter(absl::Duration, Task task) {
  absl::MutexLock lock(&mutex_);
  timers_.emplace(++last_, std::move(task));
  return last_;
}

bool TimerGate::Cancel(TimerId timer) {
  absl::MutexLock lock(&mutex_);
  return timers_.erase(timer) > 0;
}

}  // namespace cairn::ingest
