#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace cairn {

// What was made durable. A closed set: it is a label of metrics.
enum class SyncedFile : uint8_t {
  kPack,
  kWal,       // log of a database
  kDatabase,  // its other files
  kDirectory,
  kOther,
};
inline constexpr SyncedFile kSyncedFiles[] = {
    SyncedFile::kPack, SyncedFile::kWal, SyncedFile::kDatabase,
    SyncedFile::kDirectory, SyncedFile::kOther};

// Is told of every fsync and fdatasync. Thread-safe.
class SyncObserver {
 public:
  virtual ~SyncObserver() = default;
  // Short. Not `ok`: it failed after `elapsed`.
  virtual void Synced(SyncedFile file, absl::Duration elapsed, bool ok) = 0;
};

}  // namespace cairn
