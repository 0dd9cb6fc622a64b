#pragma once

#include <utility>

#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "services/ingest/engine/bandwidth.h"

namespace cairn::ingest {

// The stream of one call whose messages come within a bandwidth: one that has
// come waits before it is handed on, and no further one is read meanwhile.
template <typename Request, typename Response>
class PacedReads final : public ServerStream<Request, Response> {
 public:
  // All outlive the stream.
  PacedReads(const Call& call, ServerStream<Request, Response>* stream,
             Bandwidth* bandwidth)
      : call_(call), stream_(stream), bandwidth_(bandwidth) {}

  bool Read(Request* message) override {
    return stream_->Read(message) &&
           bandwidth_->Pass(call_, message->ByteSizeLong()).ok();
  }
  void StopReading() override { stream_->StopReading(); }
  bool Write(Response message) override {
    return stream_->Write(std::move(message));
  }

 private:
  const Call& call_;
  ServerStream<Request, Response>* const stream_;
  Bandwidth* const bandwidth_;
};

// The same for the messages that go to a peer: each waits before it is sent.
template <typename Response>
class PacedWrites final : public MessageWriter<Response> {
 public:
  // All outlive the stream.
  PacedWrites(const Call& call, MessageWriter<Response>* messages,
              Bandwidth* bandwidth)
      : call_(call), messages_(messages), bandwidth_(bandwidth) {}

  bool Write(Response message) override {
    return bandwidth_->Pass(call_, message.ByteSizeLong()).ok() &&
           messages_->Write(std::move(message));
  }

 private:
  const Call& call_;
  MessageWriter<Response>* const messages_;
  Bandwidth* const bandwidth_;
};

}  // namespace cairn::ingest
