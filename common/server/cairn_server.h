#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"

namespace cairn {

// A running server: one or more services behind one set of addresses, with
// authorization, health, metrics and drain. Serves from the return of Start
// until Shutdown. Thread-safe.
class CairnServer {
 public:
  // The pointers outlive the server.
  struct Dependencies {
    const Clock* clock = nullptr;
    FatalErrorSink* fatal_errors = nullptr;
    // Called by Start once all services have started, right before the first
    // call can come. May be empty.
    std::function<void()> before_serving;
  };

  // Starts `services` in their order. `name`: of the process, in logs and
  // metrics ("cairnd", "index"). After an error nothing is left running.
  // InvalidArgument, FailedPrecondition: an option, or what Start of a
  // service returned. Unavailable: an address is in use.
  static absl::StatusOr<std::unique_ptr<CairnServer>> Start(
      const std::string& name, const ServerOptions& options,
      std::vector<std::unique_ptr<Service>> services,
      const Dependencies& dependencies);
  // As Shutdown.
  ~CairnServer();

  // Takes over the limits of `options` that may change while it serves, and
  // tells the services to do so. Before Drain. ResourceExhausted: the system
  // gives no more threads.
  absl::Status Reload(const ServerOptions& options);

  // Health checks say from now on that it is not ready; it serves as before.
  // Does not block.
  void EndReadiness();
  // The same, and refuses new work. Does not block.
  void Drain();
  // Waits until no call is in flight. False: `timeout` has passed first.
  bool AwaitIdle(absl::Duration timeout);
  // Drain, cancels what is in flight, waits for it, and stops the services in
  // reverse order. Where nothing is in flight, a client first gets a moment
  // to take the last answer. Idempotent.
  void Shutdown();

  // The port of the first address of options.listen that is no unix socket;
  // 0 if there is none. Likewise the port of each, in their order.
  uint16_t port() const;
  const std::vector<uint16_t>& ports() const;
  uint16_t health_port() const;   // 0 if there is none
  uint16_t metrics_port() const;  // 0 if there is none
  MetricRegistry& metrics();

 private:
  class Parts;

  explicit CairnServer(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
  // Held while the state changes, so that a second Shutdown waits for the
  // first.
  absl::Mutex mutex_;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn
