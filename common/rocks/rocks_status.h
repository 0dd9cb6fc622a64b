#pragma once

#include "absl/status/status.h"

namespace rocksdb {
class Status;
}

namespace cairn {

// DataLoss for corruption, ResourceExhausted (STORAGE_FULL) for a full disk,
// Unavailable while RocksDB shuts down, Internal for the rest.
absl::Status FromRocks(const rocksdb::Status& status);

}  // namespace cairn
