#pragma once

#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"
#include "common/time/clock.h"

namespace cairn::ingest {

// Observes how long it lived.
class StageTimer {
 public:
  // Both outlive the timer.
  StageTimer(const Clock* clock, Histogram& seconds)
      : clock_(clock), seconds_(seconds), start_(clock->Monotonic()) {}
  ~StageTimer() {
    seconds_.Observe(absl::ToDoubleSeconds(clock_->Monotonic() - start_));
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  const Clock* const clock_;
  Histogram& seconds_;
  const absl::Duration start_;
};

}  // namespace cairn::ingest
