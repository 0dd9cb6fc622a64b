#pragma once

namespace cairn {

// The messages that a peer sends, one after another. One thread at a time.
template <typename Message>
class MessageReader {
 public:
  virtual ~MessageReader() = default;

  // Blocks until the next message is here and moves it to `message`. False:
  // the peer has sent its last one, or the call was cancelled (the call's
  // cancellation token tells which). Once false, always false.
  virtual bool Read(Message* message) = 0;

  // From any thread: Read returns false from now on, a Read that waits too.
  // For a handler whose work has failed while its peer sends nothing.
  virtual void StopReading() = 0;
};

// The messages that go to a peer, one after another. One thread at a time;
// another one may read meanwhile.
template <typename Message>
class MessageWriter {
 public:
  virtual ~MessageWriter() = default;

  // Blocks until the message before this one has left, which is the
  // back-pressure of a slow peer. False: the call is dead, or the peer took
  // nothing for the stall timeout; nothing that is written from now on
  // arrives. True does not mean that the peer has the message.
  virtual bool Write(Message message) = 0;
};

// Both directions of one call: what a handler of a streaming method is given.
template <typename Request, typename Response>
class ServerStream : public MessageReader<Request>,
                     public MessageWriter<Response> {};

}  // namespace cairn
