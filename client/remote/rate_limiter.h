#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/remote/read_stream.h"
#include "client/remote/write_stream.h"
#include "common/concurrency/token_bucket.h"
#include "common/time/clock.h"

namespace cairn::client {

// What the user allows all streams of a run to send and receive in a second.
// Thread-safe.
class RateLimiter {
 public:
  // Returns after the duration, or early when the user interrupts: the next
  // call of the stream tells that.
  using Sleep = std::function<void(absl::Duration)>;

  // `clock` outlives the limiter.
  RateLimiter(uint64_t bytes_per_second, const Clock* clock, Sleep sleep)
      : bucket_({.bytes_per_second = bytes_per_second}, clock),
        sleep_(std::move(sleep)) {}

  // Waits, without a lock, until `bytes` may pass.
  void Pass(uint64_t bytes) {
    const absl::Duration wait = bucket_.Take(bytes);
    if (wait > absl::ZeroDuration()) sleep_(wait);
  }

 private:
  TokenBucket bucket_;
  const Sleep sleep_;
};

// A stream whose messages wait before they are sent.
template <typename Request>
class LimitedWriteStream final : public WriteStreamOf<Request> {
 public:
  // `limiter` outlives the stream.
  LimitedWriteStream(std::unique_ptr<WriteStreamOf<Request>> stream,
                     RateLimiter* limiter)
      : stream_(std::move(stream)), limiter_(limiter) {}

  absl::Status Write(Request request) override {
    limiter_->Pass(request.ByteSizeLong());
    return stream_->Write(std::move(request));
  }
  WriteState WaitUntil(absl::FunctionRef<bool(const WriteState&)> condition,
                       absl::Duration timeout) override {
    return stream_->WaitUntil(condition, timeout);
  }

 private:
  const std::unique_ptr<WriteStreamOf<Request>> stream_;
  RateLimiter* const limiter_;
};

// A stream whose messages wait when they have come, which keeps the server
// from sending more than is read ahead.
template <typename Response>
class LimitedReadStream final : public ReadStreamOf<Response> {
 public:
  // `limiter` outlives the stream.
  LimitedReadStream(std::unique_ptr<ReadStreamOf<Response>> stream,
                    RateLimiter* limiter)
      : stream_(std::move(stream)), limiter_(limiter) {}

  absl::StatusOr<std::optional<Response>> Next() override {
    absl::StatusOr<std::optional<Response>> message = stream_->Next();
    if (message.ok() && message->has_value()) {
      limiter_->Pass((*message)->ByteSizeLong());
    }
    return message;
  }

 private:
  const std::unique_ptr<ReadStreamOf<Response>> stream_;
  RateLimiter* const limiter_;
};

// `stream` within the limit; without a `limiter` as it is.
template <typename Request>
std::unique_ptr<WriteStreamOf<Request>> Limited(
    std::unique_ptr<WriteStreamOf<Request>> stream, RateLimiter* limiter) {
  if (limiter == nullptr) return stream;
  return std::make_unique<LimitedWriteStream<Request>>(std::move(stream),
                                                       limiter);
}
template <typename Response>
std::unique_ptr<ReadStreamOf<Response>> Limited(
    std::unique_ptr<ReadStreamOf<Response>> stream, RateLimiter* limiter) {
  if (limiter == nullptr) return stream;
  return std::make_unique<LimitedReadStream<Response>>(std::move(stream),
                                                       limiter);
}

}  // namespace cairn::client
