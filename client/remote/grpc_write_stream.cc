#include "client/remote/grpc_write_stream.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/peer_status.h"

namespace cairn::client {
namespace {

using ingest::v1::BackupService;
using ingest::v1::WriteChunksRequest;
using ingest::v1::WriteChunksResponse;
using ingest::v1::WriteRangesRequest;
using ingest::v1::WriteRangesResponse;
using ingest::v1::WriteStreamRequest;
using ingest::v1::WriteStreamResponse;

// Longest silence of a server that has something to do. A dead peer is found
// by keepalive long before.
constexpr absl::Duration kStallTimeout = absl::Minutes(3);

template <typename Request, typename Response>
class GrpcWriteStream final
    : public WriteStreamOf<Request>,
      private grpc::ClientBidiReactor<Request, Response> {
 public:
  using State = WriteState;

  // `start(context, reactor)` starts the call by the stub.
  template <typename Start>
  GrpcWriteStream(const Interrupt* interrupt, Start start)
      : interrupt_(interrupt) {
    start(&context_,
          static_cast<grpc::ClientBidiReactor<Request, Response>*>(this));
    // Writes start outside of reactions.
    this->AddHold();
    this->StartRead(&incoming_);
    this->StartCall();
  }

  ~GrpcWriteStream() override {
    // Not under the lock: gRPC may call back on this thread.
    context_.TryCancel();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &GrpcWriteStream::Ended));
  }

  absl::Status Write(Request request) override {
    {
      absl::MutexLock lock(&mutex_);
      const bool free = interrupt_->Await(
          &mutex_, absl::Condition(this, &GrpcWriteStream::CanWrite),
          kStallTimeout);
      if (interrupt_->raised()) return interrupt_->Check();
      if (!free) {
        return absl::UnavailableError("the server took no data for " +
                                      absl::FormatDuration(kStallTimeout));
      }
      if (broken_) return WaitForStatus();
      outgoing_ = std::move(request);
      writing_ = true;
    }
    this->StartWrite(&outgoing_);
    return absl::OkStatus();
  }

  State WaitUntil(absl::FunctionRef<bool(const State&)> condition,
                  absl::Duration timeout) override {
    struct Argument {
      GrpcWriteStream* self;
      absl::FunctionRef<bool(const State&)> condition;
    } argument = {this, condition};
    absl::MutexLock lock(&mutex_);
    interrupt_->Await(&mutex_,
                      absl::Condition(
                          +[](Argument* a) {
                            a->self->mutex_.AssertHeld();
                            return a->self->state_.ended ||
                                   a->condition(a->self->state_);
                          },
                          &argument),
                      timeout);
    return state_;
  }

 private:
  bool CanWrite() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return broken_ || !writing_;
  }
  bool Ended() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return state_.ended; }

  // The status of a call that is known to be dead.
  absl::Status WaitForStatus() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!interrupt_->Await(&mutex_,
                           absl::Condition(this, &GrpcWriteStream::Ended),
                           absl::Seconds(30))) {
      return interrupt_->raised()
                 ? interrupt_->Check()
                 : absl::UnavailableError("the stream to the server broke");
    }
    if (!state_.status.ok()) return state_.status;
    return absl::UnavailableError("the server ended the stream early");
  }

  void OnWriteDone(bool ok) override {
    bool release;
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) broken_ = true;
      release = TakeHold();
    }
    if (release) this->RemoveHold();
  }

  void OnReadDone(bool ok) override {
    bool release = false;
    {
      absl::MutexLock lock(&mutex_);
      if (ok) {
        Take(incoming_);
      } else {
        read_ended_ = true;
        broken_ = true;
        release = TakeHold();
      }
    }
    if (ok) this->StartRead(&incoming_);
    if (release) this->RemoveHold();
  }

  // True, once, when nothing will be written any more: then the hold goes,
  // which lets gRPC tell the status.
  bool TakeHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!read_ended_ || writing_ || !held_) return false;
    held_ = false;
    return true;
  }

  void Take(const Response& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (response.has_started()) {
      state_.started = true;
      state_.start_offset = response.started().offset();
      state_.chunker = response.started().chunker();
      state_.durable_bytes =
          std::max(state_.durable_bytes, response.started().offset());
    } else if (response.has_watermark()) {
      state_.durable_bytes =
          std::max(state_.durable_bytes, response.watermark().durable_bytes());
    } else if (response.has_finished()) {
      state_.finished = true;
      state_.result = response.finished();
    }
  }

  void OnDone(const grpc::Status& status) override {
    absl::MutexLock lock(&mutex_);
    state_.ended = true;
    state_.status = FromPeerStatus(status);
    broken_ = true;
  }

  const Interrupt* const interrupt_;
  grpc::ClientContext context_;
  Request outgoing_;   // of gRPC while writing_
  Response incoming_;  // of gRPC while a read is in flight

  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace

std::unique_ptr<WriteStream> NewGrpcWriteStream(BackupService::Stub* stub,
                                                const Interrupt* interrupt) {
  return std::make_unique<
      GrpcWriteStream<WriteStreamRequest, WriteStreamResponse>>(
      interrupt, [stub](grpc::ClientContext* context, auto* reactor) {
        stub->async()->WriteStream(context, reactor);
      });
}

std::unique_ptr<ChunkWriteStream> NewGrpcChunkWriteStream(
    BackupService::Stub* stub, const Interrupt* interrupt) {
  return std::make_unique<
      GrpcWriteStream<WriteChunksRequest, WriteChunksResponse>>(
      interrupt, [stub](grpc::ClientContext* context, auto* reactor) {
        stub->async()->WriteChunks(context, reactor);
      });
}

std::unique_ptr<RangeWriteStream> NewGrpcRangeWriteStream(
    BackupService::Stub* stub, const Interrupt* interrupt) {
  return std::make_unique<
      GrpcWriteStream<WriteRangesRequest, WriteRangesResponse>>(
      interrupt, [stub](grpc::ClientContext* context, auto* reactor) {
        stub->async()->WriteRanges(context, reactor);
      });
}

}  // namespace cairn::client
