#include "services/chunk_storage/engine/space_gate.h"

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {

absl::Status SpaceGate::CheckPut(uint64_t bytes) {
  const absl::Status checked = Check(bytes, pack_bytes_ + reserve_bytes_);
  metrics_->gate_closed.Set(absl::IsResourceExhausted(checked) ? 1 : 0);
  return checked;
}

absl::Status SpaceGate::CheckAppend(uint64_t bytes) {
  return Check(bytes, pack_bytes_);
}

absl::Status SpaceGate::CheckCopy(uint64_t bytes) { return Check(bytes, 0); }

absl::Status SpaceGate::Check(uint64_t bytes, uint64_t kept_free) {
  ASSIGN_OR_RETURN(const uint64_t free_bytes, packs_->FreeBytes());
  if (free_bytes >= kept_free && free_bytes - kept_free >= bytes) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "chunk storage has ", free_bytes, " bytes free, a write of ", bytes,
          " must leave ", kept_free, "; free space or add some")),
      reason::kStorageFull);
}

}  // namespace cairn::chunk_storage
