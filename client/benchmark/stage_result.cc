#include "client/benchmark/stage_result.h"

#include <algorithm>

namespace cairn::client {

absl::Duration Median(std::vector<absl::Duration> durations) {
  if (durations.empty()) return absl::ZeroDuration();
  const auto middle = durations.begin() + durations.size() / 2;
  std::nth_element(durations.begin(), middle, durations.end());
  return *middle;
}

}  // namespace cairn::client
