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
#include "services/ingest/metrics.h"
#include "services/ingest/options.h"
#include "services/ingest/rpc/ingest_services.h"
#include "services/maintenance/client/catalog_changes.h"

namespace cairn::ingest {

// Ingest as a service of a process: its engine and the three public services
// in front. Keeps nothing on disk.
class IngestServer final : public Service {
 public:
  // Asked once, by Start: services of the same process are started before.
  // What it gives lives until Stop has returned.
  using FindPeers = std::function<absl::StatusOr<Peers>(ServiceContext&)>;

  // `max_streams`: as many streams as the process serves at one time.
  IngestServer(const Options& options, int64_t max_streams,
               FindPeers find_peers);
  ~IngestServer() override;

  std::string name() const override { return "ingest"; }
  absl::Status Start(ServiceContext& context) override;
  void Drain() override;
  void Stop() override;

 private:
  const Options options_;
  const int64_t max_streams_;
  const FindPeers find_peers_;

  // In the order of their use: each needs only those before it.
  SystemBitGen random_;
  std::unique_ptr<IngestMetrics> metrics_;
  std::unique_ptr<ThreadPoolExecutor> reply_executor_;
  std::unique_ptr<IngestEngine> engine_;
  std::unique_ptr<CatalogChanges> changes_;
  std::unique_ptr<SessionUpkeep> upkeep_;
  std::unique_ptr<IngestServices> services_;
};

// What the program cairn-ingest serves.
std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const PeerOptions& peers,
    const ServerOptions& server);

}  // namespace cairn::ingest
