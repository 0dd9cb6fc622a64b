#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/posix/interrupt.h"
#include "client/remote/read_stream.h"
#include "common/rpc/peer_status.h"

namespace cairn::client {

// A call that a server answers by a stream of messages.
template <typename Request, typename Response>
class GrpcServerStream final : public ReadStreamOf<Response>,
                               private grpc::ClientReadReactor<Response> {
 public:
  // How long the server may say nothing.
  static constexpr absl::Duration kStallTimeout = absl::Minutes(3);
  // Messages of up to 1 MiB that are read ahead of the one that is used.
  static constexpr size_t kReadAhead = 4;

  // `start(context, request, reactor)` starts the call by the stub, which
  // outlives the stream, as `interrupt` does.
  template <typename Start>
  GrpcServerStream(const Request& request, const Interrupt* interrupt,
                   Start start)
      : interrupt_(interrupt), request_(request) {
    start(&context_, &request_,
          static_cast<grpc::ClientReadReactor<Response>*>(this));
    // Reads start outside of reactions.
    this->AddHold();
    this->StartRead(&incoming_);
    this->StartCall();
  }

  ~GrpcServerStream() override {
    bool release;
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
      release = TakeHold();
    }
    // Not under the lock: gRPC may call back on this thread.
    context_.TryCancel();
    if (release) this->RemoveHold();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&ended_));
  }

  absl::StatusOr<std::optional<Response>> Next() override {
    std::optional<Response> message;
    bool start = false;
    {
      absl::MutexLock lock(&mutex_);
      const bool ready = interrupt_->Await(
          &mutex_, absl::Condition(this, &GrpcServerStream::CanReturn),
          kStallTimeout);
      if (interrupt_->raised()) return interrupt_->Check();
      if (!ready) {
        return absl::UnavailableError("the server sent no data for " +
                                      absl::FormatDuration(kStallTimeout));
      }
      if (ready_.empty()) {
        if (!status_.ok()) return status_;
        return std::nullopt;
      }
      message = std::move(ready_.front());
      ready_.pop_front();
      start = !reading_ && !read_ended_;
      if (start) reading_ = true;
    }
    if (start) this->StartRead(&incoming_);
    return message;
  }

 private:
  bool CanReturn() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ended_ || !ready_.empty();
  }

  void OnReadDone(bool ok) override {
    bool again = false;
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      if (ok && !stopped_) {
        ready_.push_back(std::move(incoming_));
        again = ready_.size() < kReadAhead;
        reading_ = again;
      } else {
        read_ended_ = true;
        release = TakeHold();
      }
    }
    if (again) this->StartRead(&incoming_);
    if (release) this->RemoveHold();
  }

  // True, once, when no read is started any more: then the hold goes, which
  // lets gRPC tell the status.
  bool TakeHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_ || !held_ || !(read_ended_ || stopped_)) return false;
    held_ = false;
    return true;
  }

  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&mutex_);
    status_ = FromPeerStatus(status);
    ended_ = true;
  }

  const Interrupt* const interrupt_;
  const Request request_;
  grpc::ClientContext context_;
  Response incoming_;  // of gRPC while reading_

  absl::Mutex mutex_;
  std::deque<Response> ready_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool read_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn::client
