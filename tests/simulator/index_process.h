#pragma once

#include <cstdint>
#include <memory>

#include "common/kv/memory_kv_store.h"
#include "common/model/mark.h"
#include "common/testing/in_memory_file_system.h"
#include "services/index/client/local_index_client.h"
#include "services/index/client/local_sweep_client.h"
#include "services/index/engine/index_engine.h"
#include "services/index/metrics.h"
#include "services/index/storage/run_file.h"
#include "tests/simulator/network.h"
#include "tests/simulator/process.h"
#include "tests/simulator/served_streams.h"

namespace cairn::simulator {

// The engine of index over rows in memory.
class IndexProcess final : public Process {
 public:
  // `metrics` outlives the process.
  IndexProcess(Scheduler* scheduler, Network* network,
               index::IndexMetrics* metrics);

  // While it serves.
  LocalIndexClient& client() { return *client_; }
  LocalIndexSweepClient& sweeps() { return *sweeps_; }
  ServedStreams<MarkStream>& marks() { return marks_; }
  MemoryKvStore& kv() { return kv_; }

 protected:
  absl::Status Open() override;
  void Close() override;
  void Freeze() override;
  void Thaw(bool power_cut) override;
  void BreakConnections() override { network_->Break(this); }

 private:
  Network* const network_;
  index::IndexMetrics* const metrics_;
  MemoryKvStore kv_;
  uint64_t incarnation_ = 0;
  InMemoryFileSystem files_;
  std::unique_ptr<index::RunDirectory> runs_;
  std::unique_ptr<index::IndexEngine> engine_;
  std::unique_ptr<LocalIndexClient> client_;
  std::unique_ptr<LocalIndexSweepClient> sweeps_;
  ServedStreams<MarkStream> marks_;
};

}  // namespace cairn::simulator
