#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/metrics/rpc_metrics.h"
#include "common/model/call.h"
#include "common/rpc/access_gate.h"
#include "common/rpc/auth_failures.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/caller_resolver.h"
#include "common/rpc/message_stream.h"
#include "common/rpc/served_call.h"
#include "common/rpc/stream_calls.h"
#include "common/rpc/token_directory.h"
#include "common/time/clock.h"

namespace cairn {

// Runs the handlers of gRPC methods as blocking straight-line code on threads
// of its own, never on those of gRPC. Has the access gate decide who calls and
// whether he may, bounds the calls at one time, hands on deadlines and
// cancellation, counts, and converts the status. Use, in a service
// implementation that derives from X::CallbackService:
//
//   grpc::ServerUnaryReactor* GetSnapshot(context, request, response) {
//     return dispatcher_->Serve(context, request, [=](const Call& call) {
//       ... *response = ...; return absl::OkStatus();
//     });
//   }
//   grpc::ServerBidiReactor<Req, Resp>* WriteStream(context) {
//     return dispatcher_->ServeBidi<Req, Resp>(
//         context, [this](const Call& call, ServerStream<Req, Resp>& stream) {
//           Req request;
//           while (stream.Read(&request)) { ... stream.Write(reply) ... }
//           return absl::OkStatus();
//         });
//   }
//
// A handler that returns after its stream was cancelled may return any
// status. The `call` and the stream are valid until the handler returns.
// Thread-safe. Outlives the gRPC server it serves, which must have the
// interceptor factory of method_tracker.h.
class Dispatcher {
 public:
  struct Options {
    // For unary calls whose client set none.
    absl::Duration default_deadline = absl::Seconds(60);
    // Unary calls at one time, running or waiting for a thread.
    int max_unary_calls = 256;
    // Streaming calls at one time; each has a thread of its own.
    int max_streams = 64;
    // How many of them one principal that is a backup or reader may hold, so
    // that it leaves some to others. Administrators and services are not
    // bounded: they are trusted, and a service's streams are those of all its
    // clients.
    int max_streams_per_client = std::numeric_limits<int>::max();
    // A stream that is opened and sends no message for so long is ended with
    // DeadlineExceeded: it holds a slot for nothing.
    absl::Duration first_message_timeout = absl::InfiniteDuration();
    // Messages of one stream that are read before the handler takes them.
    size_t read_ahead = 2;
    // A peer that takes no message for so long is cut off.
    absl::Duration write_stall_timeout = absl::Minutes(10);
    // Bearer tokens that are looked up at one time, and how long each may
    // take. Their calls hold no thread, and no slot of those above.
    int max_token_lookups = 256;
    absl::Duration token_timeout = absl::Seconds(10);
    // What callers beyond the limits are told to wait.
    absl::Duration overload_retry_delay = absl::Seconds(1);
    // A unary call that took so long is logged though it succeeded.
    absl::Duration slow_call = absl::Seconds(10);
  };
  // All outlive the dispatcher. The stream executor has at least max_streams
  // threads, none of which serves anything else.
  struct Dependencies {
    const CallerResolver* callers = nullptr;
    const AuthorizationTable* authorization = nullptr;
    AuthFailures* failures = nullptr;
    RpcMetrics* metrics = nullptr;
    const Clock* clock = nullptr;
    Executor* unary_executor = nullptr;  // also runs the timers of calls
    Executor* stream_executor = nullptr;
  };
  using Handler = absl::AnyInvocable<absl::Status(const Call&)>;

  Dispatcher(const Options& options, const Dependencies& dependencies);
  // Waits for the calls in flight.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // `request` says which resources the call is about, as the scope rule of
  // the method's row has it; without one a caller with a scope is refused.
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context,
                                  const google::protobuf::Message* request,
                                  Handler handler);
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context,
                                  Handler handler) {
    return Serve(context, nullptr, std::move(handler));
  }

  template <typename Request, typename Response>
  grpc::ServerBidiReactor<Request, Response>* ServeBidi(
      grpc::CallbackServerContext* context,
      typename BidiCall<Request, Response>::Handler handler) {
    return Launch<BidiCall<Request, Response>>(context, nullptr,
                                               std::move(handler));
  }

  // The handler fills the response, which it captures, before it returns.
  template <typename Request>
  grpc::ServerReadReactor<Request>* ServeClientStream(
      grpc::CallbackServerContext* context,
      typename ClientStreamCall<Request>::Handler handler) {
    return Launch<ClientStreamCall<Request>>(context, nullptr,
                                             std::move(handler));
  }

  // `request` as of Serve.
  template <typename Response>
  grpc::ServerWriteReactor<Response>* ServeServerStream(
      grpc::CallbackServerContext* context,
      const google::protobuf::Message* request,
      typename ServerStreamCall<Response>::Handler handler) {
    return Launch<ServerStreamCall<Response>>(context, request,
                                              std::move(handler));
  }
  template <typename Response>
  grpc::ServerWriteReactor<Response>* ServeServerStream(
      grpc::CallbackServerContext* context,
      typename ServerStreamCall<Response>::Handler handler) {
    return ServeServerStream<Response>(context, nullptr, std::move(handler));
  }

  // Who stands behind bearer tokens; without one they are refused. Before the
  // first call; the first directory stays. Answers until the last call.
  void SetTokenDirectory(TokenDirectory* directory) {
    gate_.SetTokenDirectory(directory);
  }

  // Other limits for calls that come from now on; those in flight stay. The
  // stream executor has at least max_streams threads.
  struct Limits {
    int max_unary_calls = 0;
    int max_streams = 0;
    int max_streams_per_client = 0;
  };
  void SetLimits(const Limits& limits);

  // From now on methods that open new work are refused with Unavailable
  // (DRAINING), and watching ones are ended. Idempotent, does not block.
  void Drain();

  // Waits until no call is in flight. False: `timeout` has passed first.
  bool AwaitIdle(absl::Duration timeout);
  int calls_in_flight() const;

 private:
  friend class ServedCall;

  template <typename StreamCall, typename StreamHandler>
  StreamCall* Launch(grpc::CallbackServerContext* context,
                     const google::protobuf::Message* request,
                     StreamHandler handler) {
    auto* call = new StreamCall(
        std::make_unique<ServedCall>(this, context, /*is_stream=*/true),
        StreamLimits{options_.read_ahead, options_.write_stall_timeout},
        std::move(handler));
    call->Start(request);
    return call;
  }

  struct Watch {
    std::shared_ptr<CancellationToken> token;
    std::shared_ptr<std::atomic<bool>> ended_by_drain;
  };

  // For ServedCall.
  void Enter();
  void Leave(const ServedCall& call);
  absl::Status TakeSlot(ServedCall& call, DrainRule drain);
  absl::Status CheckSlots(const ServedCall& call) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Dependencies dependencies_;
  AccessGate gate_;

  mutable absl::Mutex mutex_;
  Limits limits_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;  // from Enter to Leave
  int unary_slots_ ABSL_GUARDED_BY(mutex_) = 0;
  int stream_slots_ ABSL_GUARDED_BY(mutex_) = 0;
  // Those of them that are bounded for each principal; none is 0.
  absl::flat_hash_map<std::string, int> client_stream_slots_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const ServedCall*, Watch> watches_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
