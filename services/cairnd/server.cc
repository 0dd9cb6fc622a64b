#include "services/cairnd/server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/storage/place_store.h"
#include "services/index/storage/index_store.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::cairnd {
namespace {

// What this process is to its own engines.
Caller OwnCaller() {
  return {.kind = CallerKind::kLocal,
          .role = CallerRole::kService,
          .principal = "cairnd@service"};
}

std::vector<RocksKvStore::Table> Tables(const std::vector<std::string>& names) {
  std::vector<RocksKvStore::Table> tables;
  for (const std::string& name : names) tables.push_back({.name = name});
  return tables;
}

// Values that are digests do not compress, and most lookups of a first
// backup find nothing, which a filter answers without a read.
std::vector<RocksKvStore::Table> DigestTables(
    const std::vector<std::string>& names) {
  std::vector<RocksKvStore::Table> tables;
  for (const std::string& name : names) {
    tables.push_back({.name = name, .bloom_filter = true, .compress = false});
  }
  return tables;
}

}  // namespace

CairndServer::CairndServer(const Options& options, const ServerOptions& server)
    : options_(options),
      server_(server),
      random_(NewSystemBitGen()),
      store_random_(NewSystemBitGen()),
      ingest_random_(NewSystemBitGen()) {}

CairndServer::~CairndServer() { Stop(); }

absl::Status CairndServer::OpenHomes(FatalErrorSink* fatal) {
  RETURN_IF_ERROR(files_.CreateDirectories(server_.data_dir));
  const auto open = [&](const std::string& service,
                        std::vector<RocksKvStore::Table> tables) {
    return StoreHome::Open(
        {.path = absl::StrCat(server_.data_dir, "/", service),
         .service = service,
         .tables = std::move(tables),
         .block_cache_bytes = options_.database_cache_bytes,
         .write_buffer_bytes = options_.database_write_buffer_bytes},
        &files_, random_, fatal);
  };
  ASSIGN_OR_RETURN(index_home_, open("index", Tables(index::TableNames())));
  ASSIGN_OR_RETURN(chunk_storage_home_,
                   open("chunk_storage",
                        DigestTables(chunk_storage::PlaceStore::TableNames())));
  ASSIGN_OR_RETURN(
      maintenance_home_,
      open("maintenance", Tables(maintenance::LeaseStore::TableNames())));
  return absl::OkStatus();
}

absl::Status CairndServer::OpenIndex(ServiceContext& context) {
  index_metrics_ = std::make_unique<index::IndexMetrics>(context.metrics());
  ASSIGN_OR_RETURN(
      index_, index::IndexEngine::Open({}, index_home_->kv(), context.clock(),
                                       random_, index_metrics_.get()));
  index_client_ = std::make_unique<LocalIndexClient>(index_.get(), OwnCaller());
  return absl::OkStatus();
}

absl::Status CairndServer::OpenChunkStorage(ServiceContext& context) {
  chunk_metrics_ = std::make_unique<chunk_storage::Metrics>(context.metrics());
  ASSIGN_OR_RETURN(chunks_,
                   chunk_storage::ChunkRepository::Open(
                       options_.chunk_storage,
                       {.files = &files_,
                        .kv = chunk_storage_home_->kv(),
                        .clock = context.clock(),
                        .executor = context.executor(),
                        .random = store_random_,
                        .fatal_errors = context.fatal_errors(),
                        .metrics = chunk_metrics_.get()},
                       absl::StrCat(chunk_storage_home_->path(), "/datastores"),
                       chunk_storage_home_->incarnation()));
  chunk_client_ = std::make_unique<LocalChunkClient>(chunks_.get());
  context.AddReadinessProbe("chunk_storage",
                            [this] { return chunks_->Health(); });
  return absl::OkStatus();
}

absl::Status CairndServer::OpenMaintenance(ServiceContext& context) {
  maintenance_metrics_ =
      std::make_unique<maintenance::MaintenanceMetrics>(context.metrics());
  ASSIGN_OR_RETURN(leases_, maintenance::LeaseCoordinator::Open(
                                {}, {.clock = context.clock(),
                                     .executor = context.executor(),
                                     .kv = maintenance_home_->kv(),
                                     .catalog = index_client_.get(),
                                     .fence = index_client_.get(),
                                     .chunks = chunk_client_.get(),
                                     .metrics = maintenance_metrics_.get()}));
  lease_client_ =
      std::make_unique<LocalLeaseClient>(leases_.get(), OwnCaller());
  rounds_ = std::make_unique<maintenance::CoordinatorRounds>(
      maintenance::CoordinatorRounds::Options{},
      maintenance::CoordinatorRounds::Dependencies{
          .clock = context.clock(),
          .executor = context.executor(),
          .catalog = index_client_.get(),
          .coordinator = leases_.get(),
          .metrics = maintenance_metrics_.get()});
  rounds_->Start();
  return absl::OkStatus();
}

absl::Status CairndServer::OpenIngest(ServiceContext& context) {
  ingest_metrics_ = std::make_unique<ingest::IngestMetrics>(context.metrics());
  ASSIGN_OR_RETURN(
      reply_executor_,
      ThreadPoolExecutor::Create(
          {.name = "reply", .threads = static_cast<int>(server_.max_streams)}));
  ingest_ = std::make_unique<ingest::IngestEngine>(
      options_.ingest.Engine(), ingest::IngestEngine::Dependencies{
                                    .peers = {.catalog = index_client_.get(),
                                              .sessions = index_client_.get(),
                                              .chunks = chunk_client_.get(),
                                              .leases = lease_client_.get()},
                                    .clock = context.clock(),
                                    .executor = context.executor(),
                                    .random = ingest_random_,
                                    .metrics = ingest_metrics_.get()});
  services_ = std::make_unique<ingest::IngestServices>(
      ingest_.get(), context.dispatcher(), reply_executor_.get());
  return services_->Register(context);
}

absl::Status CairndServer::Start(ServiceContext& context) {
  RETURN_IF_ERROR(OpenHomes(context.fatal_errors()));
  RETURN_IF_ERROR(OpenIndex(context));
  RETURN_IF_ERROR(OpenChunkStorage(context));
  RETURN_IF_ERROR(OpenMaintenance(context));
  return OpenIngest(context);
}

void CairndServer::Drain() {}

void CairndServer::Stop() {
  services_.reset();
  ingest_.reset();
  reply_executor_.reset();
  rounds_.reset();
  lease_client_.reset();
  leases_.reset();
  chunk_client_.reset();
  if (chunks_ != nullptr) {
    const absl::Status closed = chunks_->Close();
    if (!closed.ok()) {
      LOG(WARNING) << "packs not sealed, the next start will error=" << closed;
    }
    chunks_.reset();
  }
  index_client_.reset();
  index_.reset();
  maintenance_home_.reset();
  chunk_storage_home_.reset();
  index_home_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const ServerOptions& server) {
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(std::make_unique<CairndServer>(options, server));
  return services;
}

}  // namespace cairn::cairnd
