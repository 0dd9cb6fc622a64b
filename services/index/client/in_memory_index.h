#pragma once

#include <cstdint>
#include <memory>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/testing/in_memory_file_system.h"
#include "common/time/clock.h"
#include "services/index/client/local_index_client.h"
#include "services/index/client/local_sweep_client.h"
#include "services/index/engine/index_engine.h"
#include "services/index/metrics.h"
#include "services/index/storage/run_file.h"

namespace cairn {

// A whole index for tests of other services: the real engine over a store in
// memory that can lose power. Called as "test@service".
class InMemoryIndex {
 public:
  // `clock` outlives the index; `random` gives the UUID of "default".
  static absl::StatusOr<std::unique_ptr<InMemoryIndex>> Open(
      const Clock* clock, absl::BitGenRef random,
      const index::IndexEngine::Options& options = {});

  LocalIndexClient& client() { return *client_; }
  LocalIndexSweepClient& sweeps() { return *sweeps_; }
  MemoryKvStore& kv() { return kv_; }
  index::IndexEngine& engine() { return *engine_; }
  const MetricRegistry& registry() const { return registry_; }

  // As after the process has died: what was not durable may be lost (chosen
  // by `random`), and a new engine takes over. Not while calls run; client()
  // and sweeps() are other objects from then on.
  absl::Status Restart(absl::BitGenRef random);

 private:
  InMemoryIndex(const Clock* clock, const index::IndexEngine::Options& options);
  absl::Status OpenEngine(absl::BitGenRef random);

  const Clock* const clock_;
  const index::IndexEngine::Options options_;
  MetricRegistry registry_;
  index::IndexMetrics metrics_;
  MemoryKvStore kv_;
  uint64_t incarnation_ = 0;
  InMemoryFileSystem files_;
  std::unique_ptr<index::RunDirectory> runs_;
  std::unique_ptr<index::IndexEngine> engine_;
  std::unique_ptr<LocalIndexClient> client_;
  std::unique_ptr<LocalIndexSweepClient> sweeps_;
};

}  // namespace cairn
