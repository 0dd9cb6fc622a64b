#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/concurrency/repeater.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/data_directory.h"
#include "common/io/observed_file_system.h"
#include "common/io/posix_file_system.h"
#include "common/random/system_random.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/server/service.h"
#include "common/server/store_metrics.h"
#include "services/chunk_storage/client/local_chunk_client.h"
#include "services/chunk_storage/client/local_sweep_client.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/store_sweeper.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/options.h"
#include "services/chunk_storage/rpc/chunk_storage_service.h"
#include "services/chunk_storage/rpc/sweep_service.h"

namespace cairn::chunk_storage {

// What the directory of chunk_storage must be, and the database at `path`.
// `files` outlives the database.
FormatSupport StoreFormat();
RocksKvStore::Options DatabaseOptions(const Options& options, std::string path,
                                      FileSystem* files);

// chunk_storage as a service of a process: owns everything it is made of, in
// the directory `data_dir`/chunk_storage.
class ChunkStorageServer final : public Service {
 public:
  ChunkStorageServer(const Options& options, std::string data_dir);
  ~ChunkStorageServer() override;

  std::string name() const override { return "chunk_storage"; }
  // Recovers what a former process left: a scan of the packs that were open.
  absl::Status Start(ServiceContext& context) override;
  void Drain() override;
  void Stop() override;

  // For the other services of the process, between Start and Stop.
  ChunkClient* client() { return client_.get(); }
  StoreSweepClient* sweep_client() { return sweep_client_.get(); }

 private:
  absl::Status OpenStore(ServiceContext& context);

  const Options options_;
  const std::string data_dir_;

  // In the order of their use: each needs only those before it.
  PosixFileSystem machine_files_;
  std::unique_ptr<StoreMetrics> store_metrics_;
  std::unique_ptr<ObservedFileSystem> files_;
  SystemBitGen random_;  // of the repository alone, once it is there
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<RocksKvStore> kv_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ThreadPoolExecutor> background_;
  std::unique_ptr<ChunkRepository> repository_;
  std::unique_ptr<Repeater> figures_;
  std::unique_ptr<ChunkStorageServiceImpl> service_;
  std::unique_ptr<LocalChunkClient> client_;
  std::unique_ptr<StoreSweeper> sweeper_;
  std::unique_ptr<SweepServiceImpl> sweep_service_;
  std::unique_ptr<LocalStoreSweepClient> sweep_client_;
};

}  // namespace cairn::chunk_storage
