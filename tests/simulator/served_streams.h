#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"
#include "common/status/status_macros.h"
#include "tests/simulator/network.h"

namespace cairn::simulator {

// The streams that a process serves, each with the call that it belongs to.
// `Next` of one gives what Stream::Next gives.
template <typename Stream>
class ServedStreams {
 public:
  using Item = decltype(std::declval<Stream&>().Next());
  using Open =
      std::function<absl::StatusOr<std::unique_ptr<Stream>>(const Call& call)>;

  // The number of a new one.
  absl::StatusOr<uint64_t> Add(const Call& call, const Open& open) {
    const auto served = std::make_shared<Served>();
    served->call = call;
    served->call.cancellation = &served->stop;
    ASSIGN_OR_RETURN(served->stream, open(served->call));
    streams_.emplace(++last_, served);
    return last_;
  }

  Item Next(uint64_t number) {
    const auto found = streams_.find(number);
    if (found == streams_.end()) {
      return absl::UnavailableError("the stream is not there any more");
    }
    const std::shared_ptr<Served> served = found->second;
    served->busy = true;
    Item item = served->stream->Next();
    served->busy = false;
    if (served->closing) streams_.erase(number);
    return item;
  }

  void Close(uint64_t number) {
    const auto found = streams_.find(number);
    if (found == streams_.end()) return;
    const std::shared_ptr<Served> served = found->second;
    served->stop.Cancel();
    served->closing = true;
    if (!served->busy) streams_.erase(number);
  }

  void Clear() {
    // One that goes may wait for its tasks.
    while (!streams_.empty()) streams_.extract(streams_.begin());
  }

 private:
  struct Served {
    CancellationToken stop;
    Call call;
    std::unique_ptr<Stream> stream;
    bool busy = false;
    bool closing = false;
  };

  uint64_t last_ = 0;
  std::map<uint64_t, std::shared_ptr<Served>> streams_;
};

// The other end of such a stream, in `from`. `To::streams` gives them.
template <typename Stream, typename To>
class RemoteStream final : public Stream {
 public:
  using Streams = ServedStreams<Stream>;

  RemoteStream(Network* network, Process* from, To* to, Streams* streams,
               const Call& call, uint64_t number)
      : network_(network),
        from_(from),
        to_(to),
        streams_(streams),
        call_(call),
        life_(to->life()),
        number_(number) {}
  ~RemoteStream() override {
    if (to_->life() != life_) return;
    network_->Tell(to_, "close stream",
                   [streams = streams_, n = number_] { streams->Close(n); });
  }

  typename Streams::Item Next() override {
    if (to_->life() != life_) {
      return absl::UnavailableError("connection lost");
    }
    return network_->template Ask<typename Streams::Item>(
        from_, to_, "next of stream", call_,
        [streams = streams_, n = number_](const Call&) {
          return streams->Next(n);
        },
        /*may_repeat=*/false);
  }

 private:
  Network* const network_;
  Process* const from_;
  To* const to_;
  Streams* const streams_;
  const Call& call_;  // outlives the stream
  const uint64_t life_;
  const uint64_t number_;
};

}  // namespace cairn::simulator
