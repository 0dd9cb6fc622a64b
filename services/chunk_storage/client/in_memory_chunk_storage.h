#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/client/local_chunk_client.h"
#include "services/chunk_storage/client/local_sweep_client.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/engine/store_sweeper.h"

namespace cairn {

// A whole chunk_storage for tests of other services: the real engine over
// files and rows in memory. For one thread only.
class InMemoryChunkStorage {
 public:
  // Starts it, or starts it again after a kill: its clients are other objects
  // from then on.
  absl::Status Start() {
    sweeps_.reset();
    chunks_.reset();
    sweeper_.reset();
    if (harness_.running()) harness_.Kill();
    RETURN_IF_ERROR(harness_.Start());
    sweeper_ =
        std::make_unique<chunk_storage::StoreSweeper>(&harness_.repository());
    chunks_ = std::make_unique<LocalChunkClient>(&harness_.repository());
    sweeps_ = std::make_unique<LocalStoreSweepClient>(sweeper_.get());
    return absl::OkStatus();
  }

  ChunkClient& chunks() { return *chunks_; }
  StoreSweepClient& sweeps() { return *sweeps_; }
  chunk_storage::RepositoryHarness& harness() { return harness_; }

 private:
  chunk_storage::RepositoryHarness harness_;
  std::unique_ptr<chunk_storage::StoreSweeper> sweeper_;
  std::unique_ptr<LocalChunkClient> chunks_;
  std::unique_ptr<LocalStoreSweepClient> sweeps_;
};

}  // namespace cairn
