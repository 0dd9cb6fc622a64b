#include "services/chunk_storage/server.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/version.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {
namespace {

constexpr uint32_t kFormatVersion = 1;
// Reading, and proving, beside the writing of a copy.
constexpr uint32_t kBackgroundThreads = 2;
// Backups and restores come first where there is no core for all.
constexpr int kBackgroundNiceness = 10;
// Of the gauges that are looked up.
constexpr absl::Duration kFiguresPeriod = absl::Seconds(15);

}  // namespace

FormatSupport StoreFormat() {
  return {.service = "chunk_storage",
          .version = kFormatVersion,
          .features = {},
          .release = kVersion};
}

RocksKvStore::Options DatabaseOptions(const Options& options, std::string path,
                                      FileSystem* files) {
  RocksKvStore::Options rocks;
  rocks.path = std::move(path);
  for (const std::string& table : PlaceStore::TableNames()) {
    // Digests do not compress, and most lookups of a first backup find
    // nothing, which a filter answers without a read.
    rocks.tables.push_back(
        {.name = table, .bloom_filter = true, .compress = false});
  }
  rocks.block_cache_bytes = options.block_cache_bytes;
  rocks.write_buffer_bytes = options.write_buffer_bytes;
  rocks.reserve_bytes = options.database_reserve_bytes;
  rocks.ballast_bytes = options.ballast_bytes;
  rocks.files = files;
  return rocks;
}

ChunkStorageServer::ChunkStorageServer(const Options& options,
                                       std::string data_dir)
    : options_(options),
      data_dir_(std::move(data_dir)),
      random_(NewSystemBitGen()) {}

ChunkStorageServer::~ChunkStorageServer() { Stop(); }

absl::Status ChunkStorageServer::OpenStore(ServiceContext& context) {
  const std::string path = absl::StrCat(data_dir_, "/chunk_storage");
  store_metrics_ = std::make_unique<StoreMetrics>(name(), path, context.clock(),
                                                  context.metrics());
  files_ = std::make_unique<ObservedFileSystem>(
      &machine_files_, context.clock(), store_metrics_->syncs());
  ASSIGN_OR_RETURN(directory_,
                   DataDirectory::Open({.path = path, .support = StoreFormat()},
                                       files_.get(), random_));
  RocksKvStore::Options rocks = DatabaseOptions(
      options_, absl::StrCat(directory_->path(), "/db"), files_.get());
  rocks.syncs = store_metrics_->syncs();
  rocks.clock = context.clock();
  ASSIGN_OR_RETURN(kv_, RocksKvStore::Open(rocks, context.fatal_errors()));
  store_metrics_->Attach(kv_.get());
  return absl::OkStatus();
}

absl::Status ChunkStorageServer::Start(ServiceContext& context) {
  RETURN_IF_ERROR(OpenStore(context));
  metrics_ = std::make_unique<Metrics>(context.metrics());
  ASSIGN_OR_RETURN(
      background_,
      ThreadPoolExecutor::Create(
          {.name = "background",
           .threads = static_cast<int>(std::max(
               kBackgroundThreads, options_.repository.verify_parallelism)),
           .niceness = kBackgroundNiceness}));
  ASSIGN_OR_RETURN(repository_,
                   ChunkRepository::Open(
                       options_.repository,
                       ChunkRepository::Dependencies{
                           .files = files_.get(),
                           .kv = kv_.get(),
                           .database = absl::StrCat(directory_->path(), "/db"),
                           .clock = context.clock(),
                           .executor = context.executor(),
                           .background = background_.get(),
                           .random = random_,
                           .fatal_errors = context.fatal_errors(),
                           .metrics = metrics_.get()},
                       absl::StrCat(directory_->path(), "/datastores"),
                       directory_->incarnation()));
  client_ = std::make_unique<LocalChunkClient>(repository_.get());
  service_ = std::make_unique<ChunkStorageServiceImpl>(context.dispatcher(),
                                                       repository_.get());
  RETURN_IF_ERROR(context.AddGrpcService(
      service_.get(), v1::ChunkStorageService::service_full_name(),
      ChunkStorageServiceImpl::Authorization()));
  sweeper_ = std::make_unique<StoreSweeper>(repository_.get());
  sweep_client_ = std::make_unique<LocalStoreSweepClient>(sweeper_.get());
  sweep_service_ =
      std::make_unique<SweepServiceImpl>(context.dispatcher(), sweeper_.get());
  RETURN_IF_ERROR(context.AddGrpcService(sweep_service_.get(),
                                         v1::SweepService::service_full_name(),
                                         SweepServiceImpl::Authorization()));
  const auto show = [this, failing = false]() mutable {
    const absl::Status shown = repository_->ShowFigures();
    if (!shown.ok() && !failing) {
      LOG(WARNING) << "figures of the store are not shown error=" << shown;
    }
    failing = !shown.ok();
  };
  figures_ = std::make_unique<Repeater>(
      context.executor(), SparingRound(kFiguresPeriod, context.clock(), show));
  figures_->Start();
  context.AddReadinessProbe("disk", [this] { return repository_->Health(); });
  return absl::OkStatus();
}

void ChunkStorageServer::Drain() {}

void ChunkStorageServer::Stop() {
  figures_.reset();
  if (repository_ != nullptr) {
    const absl::Status closed = repository_->Close();
    if (!closed.ok()) {
      LOG(WARNING) << "packs stay open, the next start recovers them error="
                   << closed.ToString();
    }
  }
  sweep_service_.reset();
  sweep_client_.reset();
  sweeper_.reset();
  service_.reset();
  client_.reset();
  repository_.reset();
  background_.reset();
  metrics_.reset();
  if (store_metrics_ != nullptr) store_metrics_->Detach();
  kv_.reset();
  directory_.reset();
  files_.reset();
  store_metrics_.reset();
}

}  // namespace cairn::chunk_storage
