#pragma once

#include "absl/status/status.h"

namespace cairn {

// Where a component reports that it can no longer keep its durability
// promise (a failed fsync, a RocksDB background error). In a server the
// process stops serving and exits with code 74; tests record it. After the
// report the component answers every call with Unavailable. Thread-safe.
class FatalErrorSink {
 public:
  virtual ~FatalErrorSink() = default;
  virtual void Report(const absl::Status& error) = 0;
};

}  // namespace cairn
