#include "common/rocks/rocks_status.h"

#include "common/status/reason.h"
#include "rocksdb/status.h"

namespace cairn {

absl::Status FromRocks(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNoSpace()) {
    return WithReason(absl::ResourceExhaustedError(text), reason::kStorageFull);
  }
  if (status.IsShutdownInProgress()) return absl::UnavailableError(text);
  return absl::InternalError(text);
}

}  // namespace cairn
