#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/storage/pack_store.h"

namespace cairn::chunk_storage {

// Refuses writes before the file system is full: what is kept free lets
// compaction write one whole pack, and a forget be recorded. Thread-safe.
class SpaceGate {
 public:
  // `packs` and `metrics` outlive the gate.
  SpaceGate(const PackStore* packs, Metrics* metrics, uint64_t pack_bytes,
            uint64_t reserve_bytes)
      : packs_(packs),
        metrics_(metrics),
        pack_bytes_(pack_bytes),
        reserve_bytes_(reserve_bytes) {}

  // Whether `bytes` may be written. ResourceExhausted (STORAGE_FULL): less
  // than a whole pack and the reserve would stay free.
  absl::Status CheckPut(uint64_t bytes);
  // The same; may use the reserve.
  absl::Status CheckAppend(uint64_t bytes);
  // The same for a copy that frees more than it takes: what is kept free is
  // for it.
  absl::Status CheckCopy(uint64_t bytes);

 private:
  absl::Status Check(uint64_t bytes, uint64_t kept_free);

  const PackStore* const packs_;
  Metrics* const metrics_;
  const uint64_t pack_bytes_;
  const uint64_t reserve_bytes_;
};

}  // namespace cairn::chunk_storage
