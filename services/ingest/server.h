#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/random/system_random.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "services/ingest/engine/ingest_engine.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/session_upkeep.h"
#include "services/ingest/engine/token_replica.h"
#include "services/ingest/metrics.h"
#include "services/ingest/options.h"
#include "services/ingest/rpc/ingest_services.h"
#include "services/ingest/rpc/replica_directory.h"
#include "services/maintenance/client/catalog_changes.h"
#include "services/maintenance/client/token_client.h"

namespace cairn::ingest {

// Ingest as a service of a process: its engine and the three public services
// in front. Keeps nothing on disk.
class IngestServer final : public Service {
 public:
  // The services around ingest.
  struct Neighbours {
    Peers peers;
    // Who tells of bearer tokens; null: somebody of this process knows them
    // already.
    TokenClient* tokens = nullptr;
  };
  // Asked once, by Start: services of the same process are started before.
  // What it gives lives until Stop has returned.
  using FindPeers = std::function<absl::StatusOr<Neighbours>(ServiceContext&)>;

  // Both outlive the service and are read by Start and Reload.
  IngestServer(const Options* options, const ServerOptions* server,
               FindPeers find_peers);
  ~IngestServer() override;

  std::string name() const override { return "ingest"; }
  absl::Status Start(ServiceContext& context) override;
  absl::Status Reload() override;
  void Drain() override;
  void Stop() override;

 private:
  absl::Status StartTokens(ServiceContext& context, TokenClient* tokens);

  const Options* const options_;
  const ServerOptions* const server_;
  const FindPeers find_peers_;

  // In the order of their use: each needs only those before it.
  SystemBitGen random_;
  std::unique_ptr<IngestMetrics> metrics_;
  std::unique_ptr<ThreadPoolExecutor> reply_executor_;
  std::unique_ptr<ThreadPoolExecutor> renewal_executor_;
  std::unique_ptr<IngestEngine> engine_;
  std::unique_ptr<CatalogChanges> changes_;
  std::unique_ptr<SessionUpkeep> upkeep_;
  std::unique_ptr<IngestServices> services_;
  // Bearer tokens, where maintenance is another process.
  std::unique_ptr<TokenReplica::Metrics> token_metrics_;
  std::unique_ptr<ThreadPoolExecutor> token_executor_;
  std::unique_ptr<TokenReplica> tokens_;
  std::unique_ptr<ReplicaDirectory> token_directory_;
};

// What the program cairn-ingest serves. The pointers outlive it.
std::vector<std::unique_ptr<Service>> BuildServices(
    const Options* options, const PeerOptions& peers,
    const ServerOptions* server);

}  // namespace cairn::ingest
