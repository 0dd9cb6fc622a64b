#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/testing/fake_clock.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/index/client/session_client.h"
#include "services/maintenance/client/lease_client.h"

// What tests put between ingest and its peers, to see what passes, to hold it
// up, and to let things happen in between. All thread-safe.
namespace cairn::ingest {

// A store in front of another whose pins wait while it is closed, and which
// remembers what is appended.
class ChunkGate final : public ChunkClient {
 public:
  explicit ChunkGate(ChunkClient* store) : store_(store) {}

  void Close();
  void Open();
  // `after` runs when records were appended, and its error is answered.
  void AfterAppend(absl::AnyInvocable<absl::Status()> after);
  // Keys that were to be pinned.
  size_t pinned() const { return pinned_; }
  // What was appended of one kind.
  std::vector<Record> Appended(RecordKind kind) const;

  absl::StatusOr<StoreState> EnsureDatastore(
      const Call& call, const DatastoreRef& datastore) override {
    return store_->EnsureDatastore(call, datastore);
  }
  absl::StatusOr<PinReply> Pin(const Call& call, const SessionRef& session,
                               std::span<const RecordKey> keys) override;
  absl::StatusOr<PutReply> Put(const Call& call, const SessionRef& session,
                               std::vector<Record> records) override {
    return store_->Put(call, session, std::move(records));
  }
  absl::Status Sync(const Call& call, const SessionRef& session,
                    uint64_t incarnation) override {
    return store_->Sync(call, session, incarnation);
  }
  absl::StatusOr<uint64_t> Append(const Call& call,
                                  const DatastoreRef& datastore,
                                  std::vector<Record> records) override;
  absl::StatusOr<std::unique_ptr<RecordStream>> Get(
      const Call& call, const DatastoreRef& datastore,
      std::vector<RecordKey> keys) override {
    return store_->Get(call, datastore, std::move(keys));
  }
  absl::StatusOr<StoreState> ShowToken(const Call& call,
                                       const DatastoreRef& datastore,
                                       const SweepNumbers& numbers) override {
    return store_->ShowToken(call, datastore, numbers);
  }
  absl::StatusOr<StoreStatistics> Statistics(
      const Call& call, const DatastoreRef& datastore) override {
    return store_->Statistics(call, datastore);
  }

 private:
  ChunkClient* const store_;
  std::atomic<size_t> pinned_ = 0;
  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::AnyInvocable<absl::Status()> after_append_ ABSL_GUARDED_BY(mutex_);
  std::vector<Record> appended_ ABSL_GUARDED_BY(mutex_);
};

// Leases in front of others that answer a dead call as a wire would.
class LeaseGate final : public LeaseClient {
 public:
  LeaseGate(LeaseClient* leases, const Clock* clock)
      : leases_(leases), clock_(clock) {}

  // While it is away, every call is Unavailable.
  void SetAway(bool away);
  // Runs once, before the next lease is asked for.
  void BeforeAcquire(absl::AnyInvocable<void()> before);
  // How often a lease was to be given back.
  size_t releases() const;

  absl::StatusOr<Lease> Acquire(const Call& call,
                                const LeaseRequest& request) override;
  absl::StatusOr<Lease> Renew(const Call& call, const std::string& datastore,
                              const Uuid& id) override;
  absl::Status Release(const Call& call, const std::string& datastore,
                       const Uuid& id) override;
  absl::StatusOr<ListPage<Lease>> List(const Call& call,
                                       const std::string& datastore,
                                       const PageRequest& page) override;
  absl::StatusOr<EpochState> GetEpoch(const Call& call,
                                      const std::string& datastore) override;
  absl::StatusOr<EpochState> AdvanceEpoch(
      const Call& call, const std::string& datastore) override;

 private:
  absl::Status CheckAlive(const Call& call) const;

  LeaseClient* const leases_;
  const Clock* const clock_;
  mutable absl::Mutex mutex_;
  bool away_ ABSL_GUARDED_BY(mutex_) = false;
  size_t releases_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::AnyInvocable<void()> before_acquire_ ABSL_GUARDED_BY(mutex_);
};

// Sessions in front of others.
class SessionGate final : public SessionClient {
 public:
  explicit SessionGate(SessionClient* sessions) : sessions_(sessions) {}

  // Runs once, after the `number`th GetSession from now was answered here and
  // before its answer arrives.
  void AfterGet(int number, absl::AnyInvocable<void()> after);
  // Each GetSession takes the time that its call allows, off `clock`, and is
  // DeadlineExceeded.
  void HangGets(FakeClock* clock);
  // The next OpenSession is answered with this and not handed on.
  void FailNextOpen(absl::Status error);
  // Index restarts, and loses nothing, once the next PutPages was answered.
  void RestartAfterPages() { restart_ = true; }
  // The next calls of DiffArchives are answered with these, one each, and not
  // handed on.
  void AnswerDiffs(std::vector<absl::StatusOr<ArchiveDiff>> answers);

  // Calls that read an archive's index.
  size_t reads() const { return reads_; }

  absl::StatusOr<Session> OpenSession(const Call& call,
                                      const NewSession& session) override;
  absl::StatusOr<Session> GetSession(const Call& call,
                                     const SessionName& name) override;
  absl::StatusOr<ListPage<Session>> ListSessions(
      const Call& call, const std::string& datastore, bool open_only,
      const PageRequest& page) override {
    return sessions_->ListSessions(call, datastore, open_only, page);
  }
  absl::StatusOr<ListPage<Session>> ListUncancelled(
      const Call& call, const std::string& datastore,
      const PageRequest& page) override {
    return sessions_->ListUncancelled(call, datastore, page);
  }
  absl::StatusOr<uint64_t> PutPages(
      const Call& call, const SessionRef& session,
      const std::vector<EncodedPage>& pages) override;
  absl::Status SaveCheckpoint(const Call& call, const SessionRef& session,
                              const ArchiveCheckpoint& checkpoint,
                              uint64_t incarnation) override {
    // What index was told before it restarted, it does not know.
    return sessions_->SaveCheckpoint(
        call, session, checkpoint,
        incarnation == 0 ? 0 : incarnation - starts_);
  }
  absl::StatusOr<PreparedPublish> PreparePublish(
      const Call& call, const SessionRef& session,
      const PublishRequest& request) override {
    return sessions_->PreparePublish(call, session, request);
  }
  absl::StatusOr<Snapshot> CommitPublish(const Call& call,
                                         const SessionRef& session,
                                         uint64_t sequence) override {
    return sessions_->CommitPublish(call, session, sequence);
  }
  absl::Status AbortSession(const Call& call,
                            const SessionRef& session) override {
    return sessions_->AbortSession(call, session);
  }
  absl::StatusOr<ArchiveEntries> FindEntries(const Call& call,
                                             const ArchiveName& archive,
                                             uint64_t offset, uint64_t length,
                                             uint32_t max_entries) override {
    ++reads_;
    return sessions_->FindEntries(call, archive, offset, length, max_entries);
  }
  absl::StatusOr<std::vector<std::string>> GetPages(
      const Call& call, const SessionRef& session,
      const std::vector<Digest>& ids) override {
    ++reads_;
    return sessions_->GetPages(call, session, ids);
  }
  absl::StatusOr<ArchiveDiff> DiffArchives(const Call& call,
                                           const ArchiveName& base,
                                           const ArchiveName& archive,
                                           uint64_t offset,
                                           uint32_t max_ranges) override;

 private:
  SessionClient* const sessions_;
  std::atomic<size_t> reads_ = 0;
  std::atomic<bool> restart_ = false;
  std::atomic<uint64_t> starts_ = 0;  // on top of those that index counts
  absl::Mutex mutex_;
  FakeClock* hang_clock_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int gets_left_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::AnyInvocable<void()> after_get_ ABSL_GUARDED_BY(mutex_);
  absl::Status next_open_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::StatusOr<ArchiveDiff>> diffs_ ABSL_GUARDED_BY(mutex_);
};

// An executor in front of another whose timers are due when the test says so,
// however long they are.
class TimerGate final : public Executor {
 public:
  explicit TimerGate(Executor* executor) : executor_(executor) {}

  // Runs every timer that is set now, one after the other. Not beside what
  // may cancel one: Cancel does not wait.
  void RunTimers();
  size_t pending() const;

  absl::Status Schedule(Task task) override {
    return executor_->Schedule(std::move(task));
  }
  TimerId ScheduleAfter(absl::Duration delay, Task task) override;
  bool Cancel(TimerId timer) override;
  bool Await(absl::Mutex* mutex, const absl::Condition& condition,
             absl::Duration timeout) override {
    return executor_->Await(mutex, condition, timeout);
  }

 private:
  Executor* const executor_;
  mutable absl::Mutex mutex_;
  TimerId last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<TimerId, Task> timers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
