#include "common/server/health_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace cairn {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

HealthCheckResponse::ServingStatus StatusOf(std::optional<bool> serving) {
  if (!serving.has_value()) return HealthCheckResponse::SERVICE_UNKNOWN;
  return *serving ? HealthCheckResponse::SERVING
                  : HealthCheckResponse::NOT_SERVING;
}

// Of what is asked for; the board's names are a few words.
constexpr size_t kMaxNameBytes = 256;

// One watching client. Holds itself from Start until OnDone, so that a change
// of the board may come at any time.
class WatchCall final : public grpc::ServerWriteReactor<HealthCheckResponse>,
                        public HealthBoard::Watcher {
 public:
  WatchCall(HealthBoard* board, std::string service)
      : board_(board), service_(std::move(service)) {}

  static WatchCall* Start(HealthBoard* board, std::string service) {
    auto call = std::make_shared<WatchCall>(board, std::move(service));
    call->self_ = call;
    if (call->service_.size() > kMaxNameBytes) {
      call->Refuse(
          grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                       absl::StrCat("service has ", call->service_.size(),
                                    " bytes, allowed are ", kMaxNameBytes)));
    } else if (!board->Watch(call)) {
      call->Refuse(
          grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                       absl::StrCat("server has ", HealthBoard::kMaxWatchers,
                                    " watchers of its health")));
    } else {
      call->Step();
    }
    return call.get();
  }

  void OnChange() override { Step(); }
  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Step();
  }
  void OnCancel() override {
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
    }
    Step();
  }
  void OnDone() override { self_.reset(); }

 private:
  // In place of the first Step. A cancellation may come beside it.
  void Refuse(const grpc::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      finished_ = true;
    }
    Finish(status);
  }

  // Does what the state asks for: at most one thing is on its way, and
  // nothing follows Finish. No lock is held while gRPC is called.
  void Step() {
    const HealthCheckResponse::ServingStatus status =
        StatusOf(board_->Get(service_));
    bool finish = false;
    {
      absl::MutexLock lock(&mutex_);
      if (writing_ || finished_) return;
      if (cancelled_) {
        finish = finished_ = true;
      } else {
        // Another thread may have written a newer state in between; then
        // that thread's OnWriteDone comes here again.
        if (sent_ == status) return;
        sent_ = status;
        writing_ = true;
        message_.set_status(status);
      }
    }
    if (finish) {
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, "watch has ended"));
    } else {
      StartWrite(&message_);
    }
  }

  HealthBoard* const board_;
  const std::string service_;
  std::shared_ptr<WatchCall> self_;
  HealthCheckResponse message_;  // gRPC's while writing_

  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<HealthCheckResponse::ServingStatus> sent_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerUnaryReactor* HealthService::Check(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request,
    HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<bool> serving = board_->Get(request->service());
  if (serving.has_value()) {
    response->set_status(StatusOf(serving));
    reactor->Finish(grpc::Status::OK);
  } else {
    reactor->Finish(
        grpc::Status(grpc::StatusCode::NOT_FOUND,
                     "no such service, try \"liveness\" or \"readiness\""));
  }
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* /*context*/,
    const HealthCheckRequest* request) {
  return WatchCall::Start(board_, request->service());
}

}  // namespace cairn
