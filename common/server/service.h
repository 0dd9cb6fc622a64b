#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/concurrency/executor.h"
#include "common/metrics/metric_registry.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/token_directory.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace cairn {

// What a server lends to a service, from its Start until its Stop has
// returned. The Add methods are for Start only; one service at a time.
class ServiceContext {
 public:
  // OK: the dependency answers, or the work can go on without it.
  using ReadinessProbe = std::function<absl::Status()>;

  virtual ~ServiceContext() = default;

  virtual Dispatcher* dispatcher() = 0;
  virtual MetricRegistry* metrics() = 0;
  virtual const Clock* clock() = 0;
  // The threads behind the calls, of all services together.
  virtual Executor* executor() = 0;
  virtual FatalErrorSink* fatal_errors() = 0;

  // Serves `service`, whose handlers use dispatcher(), from when all services
  // have started. `full_name`: X::service_full_name() of the generated code.
  // InvalidArgument: no such service is linked, a method has no row in
  // `rows`, or a row has no method.
  virtual absl::Status AddGrpcService(
      grpc::Service* service, std::string_view full_name,
      std::span<const AuthorizationRow> rows) = 0;

  // Asks `probe` each second; while one of them fails the service is not
  // ready. `name` is its metric label: a dependency ("index", "disk"). The
  // probe may block for a second, not for long.
  virtual void AddReadinessProbe(std::string name, ReadinessProbe probe) = 0;

  // Who stands behind the bearer tokens that callers of this server show;
  // where no service gave a directory, tokens are refused. It answers until
  // Stop of the service that gave it. Of several the first is asked.
  virtual void SetTokenDirectory(TokenDirectory* directory) = 0;
};

// One of the services that a process serves; cairnd has four of them. Start,
// Drain and Stop are called in this order, from one thread, each at most
// once; Stop also after a Start that failed.
class Service {
 public:
  virtual ~Service() = default;

  // "index": in logs, and in health checks.
  virtual std::string name() const = 0;

  // Opens what the service owns and adds what it serves. `context` lives
  // until Stop has returned.
  virtual absl::Status Start(ServiceContext& context) = 0;

  // Settings that take effect without a restart may have new values: takes
  // them over. Between Start and Drain, on their thread, any number of times.
  virtual absl::Status Reload() { return absl::OkStatus(); }

  // The server is about to stop: begin no background work. Calls that are in
  // flight go on. Does not block.
  virtual void Drain() = 0;

  // No call is in flight and none will come: end the background work and
  // close what Start opened.
  virtual void Stop() = 0;
};

}  // namespace cairn
