#include "common/metrics/metrics_exposer.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

constexpr int kThreads = 2;

// The server below takes lists of ports and flags in the same string
// ("80r,443s"), so that only the plain form may reach it.
bool IsHostAndPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  uint32_t port = 0;
  const std::string digits = address.substr(colon + 1);
  if (digits.empty() ||
      digits.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(digits, &port) || port > 65535) {
    return false;
  }
  return address.substr(0, colon).find_first_not_of(
             "0123456789abcdefABCDEF.:[]") == std::string::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsExposer>> MetricsExposer::Open(
    const std::string& address, const MetricRegistry& registry) {
  if (!IsHostAndPort(address)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "metrics address \"", address, "\" must be IPV4:PORT or [IPV6]:PORT"));
  }
  try {
    auto exposer =
        std::make_unique<prometheus::Exposer>(std::vector<std::string>{
            "listening_ports", address, "num_threads", absl::StrCat(kThreads),
            "request_timeout_ms", "10000"});
    for (const auto& collectable : registry.collectables()) {
      exposer->RegisterCollectable(collectable);
    }
    const std::vector<int> ports = exposer->GetListeningPorts();
    if (ports.size() != 1) {
      return absl::UnavailableError(
          absl::StrCat("metrics address ", address, ": not listening"));
    }
    return std::unique_ptr<MetricsExposer>(new MetricsExposer(
        std::move(exposer), static_cast<uint16_t>(ports[0])));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("metrics address ", address, ": ", error.what(),
                     ", is it in use or not of this machine"));
  }
}

MetricsExposer::MetricsExposer(std::unique_ptr<prometheus::Exposer> exposer,
                               uint16_t port)
    : exposer_(std::move(exposer)), port_(port) {}

MetricsExposer::~MetricsExposer() = default;

}  // namespace cairn
