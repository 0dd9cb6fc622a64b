#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"

namespace cairn {

// Keeps writes away from a disk that is about to be full. Asks the file
// system once in a while and counts in between, so a check costs little.
// Thread-safe.
class FreeSpaceGate {
 public:
  // `files` outlives this. The gate is closed while less than
  // `reserve_bytes` are free where `path` is.
  FreeSpaceGate(const FileSystem* files, std::string path,
                uint64_t reserve_bytes);

  // OK: `bytes` more may be written. ResourceExhausted (STORAGE_FULL): the
  // gate is closed. A closed gate asks anew each time.
  absl::Status Pass(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on the gate is closed whatever is free.
  void CloseForGood() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status Refusal(std::string_view then) const;

  const FileSystem* const files_;
  const std::string path_;
  const uint64_t reserve_bytes_;

  absl::Mutex mutex_;
  bool closed_for_good_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing is known before the first question.
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Since the last question.
  uint64_t passed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t passed_calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
