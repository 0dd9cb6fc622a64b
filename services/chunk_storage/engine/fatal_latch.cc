#include "services/chunk_storage/engine/fatal_latch.h"

namespace cairn::chunk_storage {

absl::Status FatalLatch::Check() const {
  if (!fallen_.load(std::memory_order_acquire)) return absl::OkStatus();
  return absl::UnavailableError(
      "chunk_storage has stopped after an error of its disk; see its log");
}

absl::Status FatalLatch::Fail(const absl::Status& error) {
  if (!fallen_.exchange(true, std::memory_order_acq_rel)) sink_->Report(error);
  return Check();
}

}  // namespace cairn::chunk_storage
