#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/metrics/metric_registry.h"

namespace prometheus {
class Exposer;
}  // namespace prometheus

namespace cairn {

// Serves /metrics of one registry over HTTP, with two threads of its own.
class MetricsExposer {
 public:
  // `address`: "HOST:PORT" or "[v6]:PORT"; port 0 lets the kernel choose.
  // `registry` outlives the exposer.
  // InvalidArgument: no such form. Unavailable: the address is in use or not
  // of this machine.
  static absl::StatusOr<std::unique_ptr<MetricsExposer>> Open(
      const std::string& address, const MetricRegistry& registry);
  ~MetricsExposer();

  uint16_t port() const { return port_; }

 private:
  explicit MetricsExposer(std::unique_ptr<prometheus::Exposer> exposer,
                          uint16_t port);

  const std::unique_ptr<prometheus::Exposer> exposer_;
  const uint16_t port_;
};

}  // namespace cairn
