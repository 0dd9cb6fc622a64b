#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "common/rpc/served_call.h"
#include "common/rpc/stream_sides.h"

// The reactors of the three streaming shapes. Each translates between gRPC's
// callbacks and a handler that blocks on another thread: callbacks only move
// messages and flags; the handler's thread finishes the call; OnDone, which
// gRPC calls after the last callback, is the only delete.
namespace cairn {

struct StreamLimits {
  size_t read_ahead = 2;
  absl::Duration write_stall_timeout = absl::Minutes(10);
};

// How long a finished handler waits for its last message to leave before the
// call is cut.
inline constexpr absl::Duration kLastWriteTimeout = absl::Seconds(30);

// Both sides of a stream that is not there do nothing.
struct NoSide {
  void Start() {}
  void Stop() {}
  void StopAndSettle() {}
  bool Settle(absl::Duration) { return true; }
  bool stalled() const { return false; }
};

// From the first callback to the status, for any pair of sides.
template <typename Reads, typename Writes>
class StreamRun {
 public:
  // `finish` hands what Conclude makes of the status to the reactor's Finish,
  // as the last thing it does: the reactor may be gone when it returns.
  StreamRun(std::unique_ptr<ServedCall> served, Reads* reads, Writes* writes,
            absl::AnyInvocable<void(absl::Status)> finish)
      : served_(std::move(served)),
        reads_(reads),
        writes_(writes),
        finish_(std::move(finish)) {}
  ~StreamRun() { served_->CheckConcluded(); }

  // `request`: the one message of a peer that sends no stream.
  void Start(const google::protobuf::Message* request,
             absl::AnyInvocable<absl::Status(const Call&)> handler) {
    handler_ = std::move(handler);
    served_->Admit(std::is_same_v<Reads, NoSide>
                       ? ServedCall::Request::kGiven
                       : ServedCall::Request::kFirstMessage,
                   request, [this](absl::Status status) {
                     if (status.ok()) {
                       Launch();
                     } else {
                       finish_(std::move(status));
                     }
                   });
  }

  void OnCancel() { served_->OnCancel(); }

  void OnReadDone(bool ok) {
    served_->ReadEnded();
    if (ok) served_->CountReceived();
    reads_->OnReadDone(ok);
  }

  // Handler: MessageReader's Read. A stream whose first message is about what
  // its caller may not see has no messages for the handler.
  template <typename Message>
  bool Read(Message* message) {
    if (!reads_->Read(message)) return false;
    if (served_->AdmitMessage(*message)) return true;
    reads_->Stop();
    return false;
  }

  void OnWriteDone(bool ok) {
    if (ok) served_->CountSent();
    writes_->OnWriteDone(ok);
  }

  grpc::Status Conclude(absl::Status status) {
    if constexpr (std::is_same_v<Writes, NoSide>) {
      if (status.ok()) served_->CountSent();
    }
    return served_->Conclude(std::move(status));
  }

 private:
  void Launch() {
    stop_ = served_->token().AddCallback([this] {
      reads_->Stop();
      writes_->Stop();
    });
    if constexpr (!std::is_same_v<Reads, NoSide>) {
      served_->AwaitFirstMessage();
    }
    reads_->Start();
    absl::Status status = served_->Schedule([this] {
      absl::Status result = served_->RunHandler(std::move(handler_));
      End(std::move(result));
    });
    if (!status.ok()) End(std::move(status));
  }

  void End(absl::Status status) {
    served_->token().RemoveCallback(stop_);
    reads_->StopAndSettle();
    writes_->Stop();
    if (writes_->stalled() || !writes_->Settle(kLastWriteTimeout)) {
      served_->TryCancel();
      writes_->Settle(absl::InfiniteDuration());
    }
    finish_(std::move(status));
  }

  const std::unique_ptr<ServedCall> served_;
  Reads* const reads_;
  Writes* const writes_;
  absl::AnyInvocable<void(absl::Status)> finish_;
  absl::AnyInvocable<absl::Status(const Call&)> handler_;
  CancellationToken::CallbackId stop_ = 0;
};

template <typename Request, typename Response>
class BidiCall final : public grpc::ServerBidiReactor<Request, Response>,
                       private ServerStream<Request, Response> {
 public:
  using Handler = absl::AnyInvocable<absl::Status(
      const Call&, ServerStream<Request, Response>&)>;

  BidiCall(std::unique_ptr<ServedCall> served, const StreamLimits& limits,
           Handler handler)
      : handler_(std::move(handler)),
        reads_(limits.read_ahead,
               [this](Request* message) { this->StartRead(message); }),
        writes_(limits.write_stall_timeout,
                [this](const Response* message) { this->StartWrite(message); }),
        run_(std::move(served), &reads_, &writes_, [this](absl::Status status) {
          this->Finish(run_.Conclude(std::move(status)));
        }) {}

  void Start(const google::protobuf::Message* request) {
    run_.Start(request, [this](const Call& call) {
      // What the handler holds goes with this thread, not with gRPC's.
      Handler handler = std::move(handler_);
      return handler(call, *this);
    });
  }

 private:
  bool Read(Request* message) override { return run_.Read(message); }
  void StopReading() override { reads_.Stop(); }
  bool Write(Response message) override {
    return writes_.Write(std::move(message));
  }
  void OnReadDone(bool ok) override { run_.OnReadDone(ok); }
  void OnWriteDone(bool ok) override { run_.OnWriteDone(ok); }
  void OnCancel() override { run_.OnCancel(); }
  void OnDone() override { delete this; }

  Handler handler_;
  ReadSide<Request> reads_;
  WriteSide<Response> writes_;
  StreamRun<ReadSide<Request>, WriteSide<Response>> run_;
};

template <typename Request>
class ClientStreamCall final : public grpc::ServerReadReactor<Request>,
                               private MessageReader<Request> {
 public:
  using Handler =
      absl::AnyInvocable<absl::Status(const Call&, MessageReader<Request>&)>;

  ClientStreamCall(std::unique_ptr<ServedCall> served,
                   const StreamLimits& limits, Handler handler)
      : handler_(std::move(handler)),
        reads_(limits.read_ahead,
               [this](Request* message) { this->StartRead(message); }),
        run_(std::move(served), &reads_, &writes_, [this](absl::Status status) {
          this->Finish(run_.Conclude(std::move(status)));
        }) {}

  void Start(const google::protobuf::Message* request) {
    run_.Start(request, [this](const Call& call) {
      // What the handler holds goes with this thread, not with gRPC's.
      Handler handler = std::move(handler_);
      return handler(call, *this);
    });
  }

 private:
  bool Read(Request* message) override { return run_.Read(message); }
  void StopReading() override { reads_.Stop(); }
  void OnReadDone(bool ok) override { run_.OnReadDone(ok); }
  void OnCancel() override { run_.OnCancel(); }
  void OnDone() override { delete this; }

  Handler handler_;
  ReadSide<Request> reads_;
  NoSide writes_;
  StreamRun<ReadSide<Request>, NoSide> run_;
};

template <typename Response>
class ServerStreamCall final : public grpc::ServerWriteReactor<Response>,
                               private MessageWriter<Response> {
 public:
  using Handler =
      absl::AnyInvocable<absl::Status(const Call&, MessageWriter<Response>&)>;

  ServerStreamCall(std::unique_ptr<ServedCall> served,
                   const StreamLimits& limits, Handler handler)
      : handler_(std::move(handler)),
        writes_(limits.write_stall_timeout,
                [this](const Response* message) { this->StartWrite(message); }),
        run_(std::move(served), &reads_, &writes_, [this](absl::Status status) {
          this->Finish(run_.Conclude(std::move(status)));
        }) {}

  void Start(const google::protobuf::Message* request) {
    run_.Start(request, [this](const Call& call) {
      // What the handler holds goes with this thread, not with gRPC's.
      Handler handler = std::move(handler_);
      return handler(call, *this);
    });
  }

 private:
  bool Write(Response message) override {
    return writes_.Write(std::move(message));
  }
  void OnWriteDone(bool ok) override { run_.OnWriteDone(ok); }
  void OnCancel() override { run_.OnCancel(); }
  void OnDone() override { delete this; }

  Handler handler_;
  NoSide reads_;
  WriteSide<Response> writes_;
  StreamRun<NoSide, WriteSide<Response>> run_;
};

}  // namespace cairn
