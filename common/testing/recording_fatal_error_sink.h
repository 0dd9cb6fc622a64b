#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/status/fatal_error.h"

namespace cairn {

// Remembers what was reported. Thread-safe.
class RecordingFatalErrorSink final : public FatalErrorSink {
 public:
  void Report(const absl::Status& error) override {
    absl::MutexLock lock(&mutex_);
    errors_.push_back(error);
  }
  std::vector<absl::Status> errors() const {
    absl::MutexLock lock(&mutex_);
    return errors_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<absl::Status> errors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
