#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/metrics/metric_registry.h"
#include "common/server/health_board.h"

namespace cairn {

// Asks each dependency each second whether it answers, and keeps the board:
//   "liveness"          true from construction on
//   "readiness" and ""  true while every probe is OK, between Start and Drain
//   "<service>"         the same, for the probes of that service
// and the gauge cairn_dependency_ready{dependency}. Thread-safe.
class ReadinessMonitor {
 public:
  using Probe = std::function<absl::Status()>;
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // All outlive the monitor.
  ReadinessMonitor(HealthBoard* board, MetricRegistry* metrics,
                   Executor* executor);
  // As Stop.
  ~ReadinessMonitor();

  // Before Start. A service without probes is ready.
  void AddService(const std::string& service);
  void AddProbe(const std::string& service, const std::string& dependency,
                Probe probe);

  // Asks every probe once, on this thread, and from then on each interval.
  void Start();
  // Nothing is ready from now on.
  void Drain();
  // No probe runs when it returns. Idempotent.
  void Stop();

 private:
  struct Dependency {
    std::string service;
    std::string name;
    Probe probe;
    Gauge* ready_gauge = nullptr;
    // Guarded by mutex_.
    bool asked = false;
    bool ready = false;
    Executor::TimerId timer = 0;
    bool has_timer = false;
  };

  void Ask(Dependency* dependency);
  void AskAgainLater(Dependency* dependency);
  void Publish();

  HealthBoard* const board_;
  MetricRegistry* const metrics_;
  Executor* const executor_;
  std::vector<std::unique_ptr<Dependency>> dependencies_;  // fixed by Start
  std::vector<std::string> services_;                      // fixed by Start

  absl::Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Serialises what is told to the board with why.
  absl::Mutex publish_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
};

}  // namespace cairn
