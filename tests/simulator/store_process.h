#pragma once

#include <cstdint>
#include <memory>
#include <random>

#include "common/kv/memory_kv_store.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "services/chunk_storage/client/local_chunk_client.h"
#include "services/chunk_storage/client/local_sweep_client.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/store_sweeper.h"
#include "services/chunk_storage/metrics.h"
#include "tests/simulator/network.h"
#include "tests/simulator/process.h"
#include "tests/simulator/served_streams.h"
#include "tests/simulator/sweep_watch.h"
#include "tests/simulator/verdict.h"

namespace cairn::simulator {

// The engine of chunk_storage over a disk and rows in memory.
class StoreProcess final : public Process {
 public:
  // All outlive the process.
  StoreProcess(Scheduler* scheduler, Network* network, Verdict* verdict,
               chunk_storage::Metrics* metrics);

  // While it serves.
  LocalChunkClient& chunks() { return *chunks_; }
  LocalStoreSweepClient& sweeps() { return *sweeps_; }
  chunk_storage::ChunkRepository& repository() { return *repository_; }
  ServedStreams<RecordStream>& streams() { return streams_; }

  InMemoryFileSystem& disk() { return disk_; }
  FaultyFileSystem& files() { return files_; }
  MemoryKvStore& kv() { return kv_; }
  SweepWatch& watch() { return watch_; }

 protected:
  absl::Status Open() override;
  void Close() override;
  void Freeze() override;
  void Thaw(bool power_cut) override;
  void BreakConnections() override { network_->Break(this); }

 private:
  Network* const network_;
  chunk_storage::Metrics* const metrics_;
  InMemoryFileSystem disk_;
  FaultyFileSystem files_;
  MemoryKvStore kv_;
  SweepWatch watch_;
  std::mt19937_64 random_;  // of the repository
  std::unique_ptr<chunk_storage::ChunkRepository> repository_;
  std::unique_ptr<chunk_storage::StoreSweeper> sweeper_;
  std::unique_ptr<LocalChunkClient> chunks_;
  std::unique_ptr<LocalStoreSweepClient> sweeps_;
  ServedStreams<RecordStream> streams_;
};

}  // namespace cairn::simulator
