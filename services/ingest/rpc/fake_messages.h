#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/message_stream.h"

namespace cairn::ingest {

// Both directions of a call, in memory. Thread-safe.
template <typename Request, typename Response>
class FakeMessages final : public ServerStream<Request, Response> {
 public:
  FakeMessages() = default;
  // A call whose requests are all there.
  explicit FakeMessages(const std::vector<Request>& requests)
      : requests_(requests.begin(), requests.end()), half_closed_(true) {}

  void Send(Request request) {
    absl::MutexLock lock(&mutex_);
    requests_.push_back(std::move(request));
  }
  void HalfClose() {
    absl::MutexLock lock(&mutex_);
    half_closed_ = true;
  }
  // Waits for one more response.
  Response Receive() {
    absl::MutexLock lock(&mutex_);
    const auto is_there = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !responses_.empty();
    };
    mutex_.Await(absl::Condition(&is_there));
    Response response = std::move(responses_.front());
    responses_.pop_front();
    return response;
  }
  // Those that were not received.
  std::deque<Response> responses() {
    absl::MutexLock lock(&mutex_);
    return responses_;
  }

  bool Read(Request* message) override {
    absl::MutexLock lock(&mutex_);
    const auto can_return = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return stopped_ || half_closed_ || !requests_.empty();
    };
    mutex_.Await(absl::Condition(&can_return));
    if (stopped_ || requests_.empty()) return false;
    *message = std::move(requests_.front());
    requests_.pop_front();
    return true;
  }
  void StopReading() override {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  bool Write(Response message) override {
    absl::MutexLock lock(&mutex_);
    responses_.push_back(std::move(message));
    return true;
  }

 private:
  absl::Mutex mutex_;
  std::deque<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::deque<Response> responses_ ABSL_GUARDED_BY(mutex_);
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn::ingest
