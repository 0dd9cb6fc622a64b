#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/posix/interrupt.h"
#include "common/rpc/peer_status.h"
#include "common/time/clock.h"

namespace cairn::client {

// Makes one unary call through a stub's callback interface and waits for it.
// `start(context, request, response, done)` starts it. A null `interrupt`:
// not to be interrupted.
template <typename Response, typename Request, typename Start>
absl::StatusOr<Response> CallUnary(const Clock& clock,
                                   const Interrupt* interrupt,
                                   absl::Duration timeout,
                                   const Request& request, Start start) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(clock.Now() + timeout));
  Response response;
  grpc::Status result;
  absl::Mutex mutex;
  bool done = false;
  start(&context, &request, &response, [&](grpc::Status status) {
    absl::MutexLock lock(&mutex);
    result = std::move(status);
    done = true;
  });
  absl::MutexLock lock(&mutex);
  const absl::Condition is_done(&done);
  if (interrupt != nullptr &&
      !interrupt->Await(&mutex, is_done, absl::InfiniteDuration())) {
    context.TryCancel();
  }
  mutex.Await(is_done);
  if (interrupt != nullptr && interrupt->raised() && !result.ok()) {
    return interrupt->Check();
  }
  if (!result.ok()) return FromPeerStatus(result);
  return response;
}

// The `start` of CallUnary for `method` of `stub`, in a method of its owner.
#define CAIRN_UNARY(stub, method)                                 \
  [this](grpc::ClientContext* context, const auto* start_request, \
         auto* start_response, auto done) {                       \
    stub->async()->method(context, start_request, start_response, \
                          std::move(done));                       \
  }

}  // namespace cairn::client
