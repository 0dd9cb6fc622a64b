#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/concurrency/cancellation.h"
#include "services/maintenance/domain/task_rules.h"

namespace cairn::maintenance {

// What a run is given to tell how it goes and to be told what to do. Used by
// one run on one thread.
class RunControl {
 public:
  virtual ~RunControl() = default;

  // Asked between two steps: waits while the task is to stand still.
  // Cancelled: it is to end.
  virtual absl::Status Checkpoint() = 0;
  // Of the calls that the run makes.
  virtual const CancellationToken* cancellation() const = 0;

  virtual void SetPhase(std::string_view phase) = 0;
  // `name` is one of a small closed set; the order is that of first use.
  virtual void SetCounter(std::string_view name, uint64_t value) = 0;
  // Bounded by whoever keeps the lines.
  virtual void Log(LogLevel level, std::string text) = 0;
};

}  // namespace cairn::maintenance
