#include "services/cairnd/server.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/io/posix_file_system.h"
#include "common/pack/pack_directory.h"
#include "common/status/status_macros.h"
#include "services/cairnd/embedded_service.h"
#include "services/chunk_storage/server.h"
#include "services/index/server.h"
#include "services/index/storage/rebuilt_database.h"
#include "services/ingest/server.h"
#include "services/maintenance/server.h"

namespace cairn::cairnd {
namespace {

// Index's own part of a data directory that has packs: an index that began
// anew beside them would list nothing of what they hold.
class CheckedIndex final : public Service {
 public:
  CheckedIndex(std::unique_ptr<index::IndexServer> index, std::string data_dir)
      : index_(std::move(index)), data_dir_(std::move(data_dir)) {}

  std::string name() const override { return index_->name(); }
  absl::Status Start(ServiceContext& context) override {
    RETURN_IF_ERROR(CheckIndexBesidePacks(PosixFileSystem(), data_dir_));
    return index_->Start(context);
  }
  absl::Status Reload() override { return index_->Reload(); }
  void Drain() override { index_->Drain(); }
  void Stop() override { index_->Stop(); }

 private:
  const std::unique_ptr<index::IndexServer> index_;
  const std::string data_dir_;
};

bool HasEntry(const FileSystem& files, const std::string& directory,
              std::string_view name) {
  const auto names = files.List(directory);
  return names.ok() &&
         std::find(names->begin(), names->end(), name) != names->end();
}

}  // namespace

absl::Status CheckIndexBesidePacks(const FileSystem& files,
                                   const std::string& data_dir) {
  const std::string directory = absl::StrCat(data_dir, "/index");
  for (const char* const name : {index::kDatabaseName, index::kRebuiltName}) {
    if (HasEntry(files, directory, name)) return absl::OkStatus();
  }
  const absl::StatusOr<PackDirectory> packs =
      PackDirectory::Open(&files, absl::StrCat(data_dir, "/chunk_storage"));
  if (absl::IsNotFound(packs.status())) return absl::OkStatus();
  RETURN_IF_ERROR(packs.status());
  if (packs->packs().empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      directory, ": holds no database, and there are ", packs->packs().size(),
      " packs beside it: index is lost; put it back, or build it again from "
      "the packs with `cairn-index rebuild --data-dir=",
      data_dir, "`, then start again"));
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options* options, const ServerOptions* server) {
  auto index_server =
      std::make_unique<index::IndexServer>(options->index, server->data_dir);
  auto chunk_server = std::make_unique<chunk_storage::ChunkStorageServer>(
      options->chunk_storage, server->data_dir);
  // The services start in order and stop in reverse, so that the clients of
  // those before are there while they are used.
  auto maintenance_server = std::make_unique<maintenance::MaintenanceServer>(
      options->maintenance, server->data_dir,
      [index = index_server.get(), chunks = chunk_server.get()](ServiceContext&)
          -> absl::StatusOr<maintenance::MaintenanceServer::Peers> {
        return maintenance::MaintenanceServer::Peers{
            .catalog = index->client(),
            .fence = index->client(),
            .chunks = chunks->client(),
            .index_sweeps = index->sweep_client(),
            .store_sweeps = chunks->sweep_client()};
      });
  auto ingest_server = std::make_unique<ingest::IngestServer>(
      &options->ingest, server,
      [index = index_server.get(), chunks = chunk_server.get(),
       leases = maintenance_server.get()](
          ServiceContext&) -> absl::StatusOr<ingest::IngestServer::Neighbours> {
        // Tokens are known to maintenance, whose directory serves the process.
        return ingest::IngestServer::Neighbours{
            .peers = {.catalog = index->client(),
                      .sessions = index->client(),
                      .chunks = chunks->client(),
                      .leases = leases->client()}};
      });

  std::vector<std::unique_ptr<Service>> services;
  services.push_back(
      std::make_unique<EmbeddedService>(std::make_unique<CheckedIndex>(
          std::move(index_server), server->data_dir)));
  services.push_back(
      std::make_unique<EmbeddedService>(std::move(chunk_server)));
  services.push_back(
      // What operators call; leases and epochs are the process's own affair.
      std::make_unique<EmbeddedService>(
          std::move(maintenance_server),
          std::set<std::string>{"cairn.maintenance.v1.TaskService",
                                "cairn.maintenance.v1.JobService",
                                "cairn.maintenance.v1.TokenService"}));
  services.push_back(std::move(ingest_server));
  return services;
}

}  // namespace cairn::cairnd
