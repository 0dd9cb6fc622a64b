#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/posix_file_system.h"
#include "common/random/system_random.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "services/cairnd/options.h"
#include "services/cairnd/store_home.h"
#include "services/chunk_storage/client/local_chunk_client.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/metrics.h"
#include "services/index/client/local_index_client.h"
#include "services/index/engine/index_engine.h"
#include "services/index/metrics.h"
#include "services/ingest/engine/ingest_engine.h"
#include "services/ingest/metrics.h"
#include "services/ingest/rpc/ingest_services.h"
#include "services/maintenance/client/local_lease_client.h"
#include "services/maintenance/engine/coordinator_rounds.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/metrics.h"

namespace cairn::cairnd {

// The whole suite in one process: the engines of index, chunk_storage and
// maintenance over one data directory, called directly, and ingest with its
// public services in front.
class CairndServer final : public Service {
 public:
  // `options` was validated.
  CairndServer(const Options& options, const ServerOptions& server);
  ~CairndServer() override;

  std::string name() const override { return "cairnd"; }
  absl::Status Start(ServiceContext& context) override;
  void Drain() override;
  void Stop() override;

 private:
  absl::Status OpenHomes(FatalErrorSink* fatal);
  absl::Status OpenIndex(ServiceContext& context);
  absl::Status OpenChunkStorage(ServiceContext& context);
  absl::Status OpenMaintenance(ServiceContext& context);
  absl::Status OpenIngest(ServiceContext& context);

  const Options options_;
  const ServerOptions server_;
  PosixFileSystem files_;
  SystemBitGen random_;         // of what is opened, in Start
  SystemBitGen store_random_;   // of chunk_storage alone
  SystemBitGen ingest_random_;  // of ingest alone

  // In order of dependency; closed in reverse.
  std::unique_ptr<StoreHome> index_home_;
  std::unique_ptr<StoreHome> chunk_storage_home_;
  std::unique_ptr<StoreHome> maintenance_home_;

  std::unique_ptr<index::IndexMetrics> index_metrics_;
  std::unique_ptr<index::IndexEngine> index_;
  std::unique_ptr<LocalIndexClient> index_client_;

  std::unique_ptr<chunk_storage::Metrics> chunk_metrics_;
  std::unique_ptr<chunk_storage::ChunkRepository> chunks_;
  std::unique_ptr<LocalChunkClient> chunk_client_;

  std::unique_ptr<maintenance::MaintenanceMetrics> maintenance_metrics_;
  std::unique_ptr<maintenance::LeaseCoordinator> leases_;
  std::unique_ptr<LocalLeaseClient> lease_client_;
  std::unique_ptr<maintenance::CoordinatorRounds> rounds_;

  std::unique_ptr<ingest::IngestMetrics> ingest_metrics_;
  std::unique_ptr<ThreadPoolExecutor> reply_executor_;
  std::unique_ptr<ingest::IngestEngine> ingest_;
  std::unique_ptr<ingest::IngestServices> services_;
};

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const ServerOptions& server);

}  // namespace cairn::cairnd
