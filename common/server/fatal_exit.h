#pragma once

#include "absl/status/status.h"
#include "common/status/fatal_error.h"

namespace cairn {

// EX_IOERR of sysexits.h: the process could not keep its durability promise.
// An orchestrator restarts it, and it recovers from what is on disk.
inline constexpr int kFatalExitCode = 74;

// Logs the error and ends the process at once: nothing that still runs may
// answer OK, so nothing is flushed, closed or waited for. Thread-safe.
class FatalExit final : public FatalErrorSink {
 public:
  [[noreturn]] void Report(const absl::Status& error) override;
};

}  // namespace cairn
