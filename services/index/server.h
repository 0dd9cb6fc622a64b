#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/concurrency/repeater.h"
#include "common/io/data_directory.h"
#include "common/io/observed_file_system.h"
#include "common/io/posix_file_system.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "common/server/store_metrics.h"
#include "services/index/client/local_index_client.h"
#include "services/index/client/local_sweep_client.h"
#include "services/index/engine/index_engine.h"
#include "services/index/metrics.h"
#include "services/index/options.h"
#include "services/index/rpc/index_service.h"
#include "services/index/rpc/sweep_service.h"
#include "services/index/storage/run_file.h"

namespace cairn::index {

// What the directory of index must be, and the database at `path`. `files`
// outlives the database.
FormatSupport IndexFormat();
RocksKvStore::Options DatabaseOptions(const Options& options, std::string path,
                                      FileSystem* files);

// Index as a service of a process: owns everything it is made of, in the
// directory `data_dir`/index.
class IndexServer final : public Service {
 public:
  IndexServer(const Options& options, std::string data_dir);
  ~IndexServer() override;

  std::string name() const override { return "index"; }
  absl::Status Start(ServiceContext& context) override;
  void Drain() override;
  void Stop() override;

  // For the other services of the process, between Start and Stop.
  LocalIndexClient* client() { return client_.get(); }
  LocalIndexSweepClient* sweep_client() { return sweep_client_.get(); }

 private:
  absl::Status OpenStore(ServiceContext& context);

  const Options options_;
  const std::string data_dir_;

  // In the order of their use: each needs only those before it.
  PosixFileSystem machine_files_;
  std::unique_ptr<StoreMetrics> store_metrics_;
  std::unique_ptr<ObservedFileSystem> files_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<RocksKvStore> kv_;
  std::unique_ptr<RunDirectory> runs_;
  std::unique_ptr<IndexMetrics> metrics_;
  std::unique_ptr<IndexEngine> engine_;
  std::unique_ptr<Repeater> figures_;
  std::unique_ptr<IndexServiceImpl> service_;
  std::unique_ptr<SweepServiceImpl> sweep_service_;
  std::unique_ptr<LocalIndexClient> client_;
  std::unique_ptr<LocalIndexSweepClient> sweep_client_;
};

// What the program cairn-index serves.
std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const ServerOptions& server);

}  // namespace cairn::index
