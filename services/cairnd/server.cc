#include "services/cairnd/server.h"

#include <utility>

#include "services/cairnd/embedded_service.h"
#include "services/chunk_storage/server.h"
#include "services/index/server.h"
#include "services/ingest/server.h"
#include "services/maintenance/server.h"

namespace cairn::cairnd {

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const ServerOptions& server) {
  auto index_server =
      std::make_unique<index::IndexServer>(options.index, server.data_dir);
  auto chunk_server = std::make_unique<chunk_storage::ChunkStorageServer>(
      options.chunk_storage, server.data_dir);
  // The services start in order and stop in reverse, so that the clients of
  // those before are there while they are used.
  auto maintenance_server = std::make_unique<maintenance::MaintenanceServer>(
      options.maintenance, server.data_dir,
      [index = index_server.get(), chunks = chunk_server.get()](ServiceContext&)
          -> absl::StatusOr<maintenance::MaintenanceServer::Peers> {
        return maintenance::MaintenanceServer::Peers{
            .catalog = index->client(),
            .fence = index->client(),
            .chunks = chunks->client()};
      });
  auto ingest_server = std::make_unique<ingest::IngestServer>(
      options.ingest, server.max_streams,
      [index = index_server.get(), chunks = chunk_server.get(),
       leases = maintenance_server.get()](
          ServiceContext&) -> absl::StatusOr<ingest::Peers> {
        return ingest::Peers{.catalog = index->client(),
                             .sessions = index->client(),
                             .chunks = chunks->client(),
                             .leases = leases->client()};
      });

  std::vector<std::unique_ptr<Service>> services;
  services.push_back(
      std::make_unique<EmbeddedService>(std::move(index_server)));
  services.push_back(
      std::make_unique<EmbeddedService>(std::move(chunk_server)));
  services.push_back(
      std::make_unique<EmbeddedService>(std::move(maintenance_server)));
  services.push_back(std::move(ingest_server));
  return services;
}

}  // namespace cairn::cairnd
