#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/data_directory.h"
#include "common/io/observed_file_system.h"
#include "common/io/posix_file_system.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "common/server/store_metrics.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/sweep_client.h"
#include "services/maintenance/client/catalog_changes.h"
#include "services/maintenance/client/local_lease_client.h"
#include "services/maintenance/engine/coordinator_rounds.h"
#include "services/maintenance/engine/job_book.h"
#include "services/maintenance/engine/job_frontend.h"
#include "services/maintenance/engine/job_scheduler.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/engine/prune_run.h"
#include "services/maintenance/engine/sweep_session.h"
#include "services/maintenance/engine/task_frontend.h"
#include "services/maintenance/engine/task_registry.h"
#include "services/maintenance/engine/task_runner.h"
#include "services/maintenance/engine/task_work.h"
#include "services/maintenance/engine/token_book.h"
#include "services/maintenance/metrics.h"
#include "services/maintenance/options.h"
#include "services/maintenance/rpc/book_directory.h"
#include "services/maintenance/rpc/job_service.h"
#include "services/maintenance/rpc/maintenance_service.h"
#include "services/maintenance/rpc/task_service.h"
#include "services/maintenance/rpc/task_wire.h"
#include "services/maintenance/rpc/token_service.h"
#include "services/maintenance/storage/sweep_store.h"
#include "services/maintenance/storage/task_store.h"
#include "services/maintenance/storage/token_store.h"

namespace cairn::maintenance {

// Maintenance as a service of a process: owns everything it is made of, in
// the directory `data_dir`/maintenance.
class MaintenanceServer final : public Service {
 public:
  // The services that maintenance calls.
  struct Peers {
    CatalogClient* catalog = nullptr;
    FenceClient* fence = nullptr;
    ChunkClient* chunks = nullptr;
    IndexSweepClient* index_sweeps = nullptr;
    StoreSweepClient* store_sweeps = nullptr;
  };
  // Asked once, by Start: services of the same process are started before.
  // What it gives lives until Stop has returned.
  using FindPeers = std::function<absl::StatusOr<Peers>(ServiceContext&)>;

  MaintenanceServer(const Options& options, std::string data_dir,
                    FindPeers find_peers);
  ~MaintenanceServer() override;

  std::string name() const override { return "maintenance"; }
  absl::Status Start(ServiceContext& context) override;
  void Drain() override;
  void Stop() override;

  // For the other services of the process, between Start and Stop.
  LeaseClient* client() { return client_.get(); }

 private:
  absl::Status OpenStore(ServiceContext& context);
  absl::Status StartLeases(ServiceContext& context, const Peers& peers);
  absl::Status OpenTasks(ServiceContext& context, const Peers& peers);
  // OK: index and chunk_storage answer.
  absl::Status AskPeers() const;
  // What the runs of a former process held.
  absl::Status ReleaseLeases();
  absl::Status StartTasks(ServiceContext& context);
  absl::Status StartTokens(ServiceContext& context);

  const Options options_;
  const std::string data_dir_;
  const FindPeers find_peers_;

  // In the order of their use: each needs only those before it.
  PosixFileSystem machine_files_;
  std::unique_ptr<StoreMetrics> store_metrics_;
  std::unique_ptr<ObservedFileSystem> files_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<RocksKvStore> kv_;
  std::unique_ptr<MaintenanceMetrics> metrics_;
  std::unique_ptr<LeaseCoordinator> coordinator_;
  std::unique_ptr<CoordinatorRounds> rounds_;
  std::unique_ptr<MaintenanceServiceImpl> service_;
  std::unique_ptr<LocalLeaseClient> client_;
  // Tasks: their rows, what they do, who runs them and who asks for them.
  std::unique_ptr<TaskStore> task_store_;
  std::unique_ptr<SweepStore> sweep_store_;
  std::unique_ptr<TaskRegistry> tasks_;
  std::unique_ptr<JobBook> job_book_;
  RunPeers run_peers_;
  std::unique_ptr<CatalogChanges> changes_;
  std::unique_ptr<Pruner> pruner_;
  ProtoTaskCodec codec_;
  std::unique_ptr<TaskWork> work_;
  std::unique_ptr<ThreadPoolExecutor> task_threads_;
  std::unique_ptr<TaskRunner> runner_;
  std::unique_ptr<TaskFrontend> task_frontend_;
  std::unique_ptr<JobFrontend> job_frontend_;
  std::unique_ptr<JobScheduler> scheduler_;
  std::unique_ptr<TaskServiceImpl> task_service_;
  std::unique_ptr<JobServiceImpl> job_service_;
  // Bearer tokens. Metrics that are asked for later look whether the book is
  // still there.
  std::unique_ptr<TokenStore> token_store_;
  std::shared_ptr<TokenBook> token_book_;
  std::unique_ptr<BookDirectory> token_directory_;
  std::unique_ptr<TokenServiceImpl> token_service_;
};

// The service in a process of its own, over connections to its peers. They
// are made when they are first used, with the server's own TLS files.
std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const PeerOptions& peers,
    const ServerOptions& server);

}  // namespace cairn::maintenance
