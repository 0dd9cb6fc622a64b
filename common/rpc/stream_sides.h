#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace cairn {

// The meeting point of a transport that calls back and a handler that blocks,
// for the messages that come in. At most one read is in flight, and at most
// `read_ahead` messages are held or on their way: a handler that does not
// take its messages stops the peer. No lock is held while the transport is
// called. Thread-safe: one handler thread, any transport thread.
template <typename Message>
class ReadSide {
 public:
  // Starts a read into the message; the end of it is told to OnReadDone.
  using StartRead = absl::AnyInvocable<void(Message*)>;

  ReadSide(size_t read_ahead, StartRead start_read)
      : read_ahead_(read_ahead == 0 ? 1 : read_ahead),
        start_read_(std::move(start_read)) {}
  // What the last callback wrote comes before the end of the members.
  ~ReadSide() { absl::MutexLock lock(&mutex_); }

  // Transport: the stream is there. Once, before the handler runs.
  void Start() {
    {
      absl::MutexLock lock(&mutex_);
      in_flight_ = true;
    }
    start_read_(&incoming_);
  }

  // Handler: see MessageReader.
  bool Read(Message* message) {
    bool start = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ReadSide::ReadCanReturn));
      if (stopped_ || ready_.empty()) return false;
      *message = std::move(ready_.front());
      ready_.pop_front();
      start = !in_flight_ && !ended_;
      if (start) in_flight_ = true;
    }
    if (start) start_read_(&incoming_);
    return true;
  }

  // Transport: the read has ended; `ok` if there is a message.
  void OnReadDone(bool ok) {
    {
      absl::MutexLock lock(&mutex_);
      in_flight_ = false;
      if (!ok) {
        ended_ = true;
        return;
      }
      if (stopped_) return;
      ready_.push_back(std::move(incoming_));
      if (ready_.size() >= read_ahead_) return;
      in_flight_ = true;
      ++starting_;
    }
    start_read_(&incoming_);
    absl::MutexLock lock(&mutex_);
    --starting_;
  }

  // Anyone: Read returns false from now on, and no read is started.
  void Stop() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }

  // Handler: like Stop, and waits until no transport thread is about to start
  // a read, after which the call may be finished.
  void StopAndSettle() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    mutex_.Await(absl::Condition(this, &ReadSide::NotStarting));
  }

 private:
  bool ReadCanReturn() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopped_ || ended_ || !ready_.empty();
  }
  bool NotStarting() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return starting_ == 0;
  }

  const size_t read_ahead_;
  StartRead start_read_;
  Message incoming_;  // of the transport while a read is in flight

  absl::Mutex mutex_;
  std::deque<Message> ready_ ABSL_GUARDED_BY(mutex_);
  bool in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  // Transport threads about to start a read. More than one: the read that one
  // has started may end on another before the first has come back.
  int starting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// The same for the messages that go out: at most one write is in flight.
template <typename Message>
class WriteSide {
 public:
  // Starts to write the message, which stays; the end is told to OnWriteDone.
  using StartWrite = absl::AnyInvocable<void(const Message*)>;

  WriteSide(absl::Duration stall_timeout, StartWrite start_write)
      : stall_timeout_(stall_timeout), start_write_(std::move(start_write)) {}
  // As in ReadSide.
  ~WriteSide() { absl::MutexLock lock(&mutex_); }

  // Handler: see MessageWriter.
  bool Write(Message message) {
    {
      absl::MutexLock lock(&mutex_);
      if (!mutex_.AwaitWithTimeout(
              absl::Condition(this, &WriteSide::WriteCanReturn),
              stall_timeout_)) {
        stalled_ = true;
        stopped_ = true;
      }
      if (stopped_) return false;
      outgoing_ = std::move(message);
      in_flight_ = true;
    }
    start_write_(&outgoing_);
    return true;
  }

  // Transport: the write has ended; not `ok` means that the call is dead.
  void OnWriteDone(bool ok) {
    absl::MutexLock lock(&mutex_);
    in_flight_ = false;
    if (!ok) stopped_ = true;
  }

  // Anyone: Write returns false from now on.
  void Stop() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }

  // Handler: waits until no write is in flight, after which the call may be
  // finished. False: `timeout` has passed first.
  bool Settle(absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(
        absl::Condition(this, &WriteSide::NotInFlight), timeout);
  }

  // Whether a Write gave up because the peer took nothing.
  bool stalled() const {
    absl::MutexLock lock(&mutex_);
    return stalled_;
  }

 private:
  bool WriteCanReturn() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopped_ || !in_flight_;
  }
  bool NotInFlight() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !in_flight_;
  }

  const absl::Duration stall_timeout_;
  StartWrite start_write_;
  Message outgoing_;  // of the transport while a write is in flight

  mutable absl::Mutex mutex_;
  bool in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn
