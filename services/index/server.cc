#include "services/index/server.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "common/config/version.h"
#include "common/log/log.h"
#include "common/model/call.h"
#include "common/random/system_random.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/rebuilt_database.h"

namespace cairn::index {
namespace {

constexpr uint32_t kFormatVersion = 1;
// Of the gauges that are looked up.
constexpr absl::Duration kFiguresPeriod = absl::Seconds(30);

}  // namespace

FormatSupport IndexFormat() {
  return {.service = "index",
          .version = kFormatVersion,
          .features = {},
          .release = kVersion};
}

RocksKvStore::Options DatabaseOptions(const Options& options, std::string path,
                                      FileSystem* files) {
  RocksKvStore::Options rocks;
  rocks.path = std::move(path);
  for (const std::string& table : TableNames()) {
    // Pages are mostly digests, which do not compress; most that a session
    // hands in are new, which a filter tells without a read.
    const bool pages = table == kPagesTable;
    rocks.tables.push_back(
        {.name = table, .bloom_filter = pages, .compress = !pages});
  }
  rocks.block_cache_bytes = options.block_cache_bytes;
  rocks.write_buffer_bytes = options.write_buffer_bytes;
  rocks.reserve_bytes = options.reserve_bytes;
  rocks.ballast_bytes = options.ballast_bytes;
  rocks.files = files;
  return rocks;
}

IndexServer::IndexServer(const Options& options, std::string data_dir)
    : options_(options), data_dir_(std::move(data_dir)) {}

IndexServer::~IndexServer() { Stop(); }

absl::Status IndexServer::OpenStore(ServiceContext& context) {
  auto random = NewSystemBitGen();
  const std::string path = absl::StrCat(data_dir_, "/index");
  store_metrics_ = std::make_unique<StoreMetrics>(name(), path, context.clock(),
                                                  context.metrics());
  files_ = std::make_unique<ObservedFileSystem>(
      &machine_files_, context.clock(), store_metrics_->syncs());
  ASSIGN_OR_RETURN(directory_,
                   DataDirectory::Open({.path = path, .support = IndexFormat()},
                                       files_.get(), random));
  ASSIGN_OR_RETURN(const Replacement replacement,
                   PutRebuiltInPlace(*files_, directory_->path()));
  if (replacement.done) {
    LOG(INFO) << "rebuilt database is put in place former="
              << replacement.former;
  }
  const std::string database =
      absl::StrCat(directory_->path(), "/", kDatabaseName);
  RocksKvStore::Options rocks =
      DatabaseOptions(options_, database, files_.get());
  rocks.syncs = store_metrics_->syncs();
  rocks.clock = context.clock();
  ASSIGN_OR_RETURN(kv_, RocksKvStore::Open(rocks, context.fatal_errors()));
  store_metrics_->Attach(kv_.get());
  ASSIGN_OR_RETURN(
      runs_, RunDirectory::Open(files_.get(),
                                absl::StrCat(directory_->path(), "/sweep")));
  metrics_ = std::make_unique<IndexMetrics>(context.metrics());
  auto engine =
      IndexEngine::Open(options_.Engine(), kv_.get(), directory_->incarnation(),
                        runs_.get(), context.clock(), random, metrics_.get());
  if (!engine.ok()) {
    return WithContext(
        engine.status(),
        absl::StrCat("database ", database,
                     " (where rows are damaged or lost, "
                     "`cairn-index rebuild` builds it again from the packs)"));
  }
  engine_ = *std::move(engine);
  return absl::OkStatus();
}

absl::Status IndexServer::Start(ServiceContext& context) {
  RETURN_IF_ERROR(OpenStore(context));
  client_ = std::make_unique<LocalIndexClient>(
      engine_.get(), Caller{.kind = CallerKind::kLocal,
                            .role = CallerRole::kIndex,
                            .principal = "cairnd@service"});
  service_ =
      std::make_unique<IndexServiceImpl>(context.dispatcher(), engine_.get());
  RETURN_IF_ERROR(context.AddGrpcService(service_.get(),
                                         v1::IndexService::service_full_name(),
                                         IndexServiceImpl::Authorization()));
  sweep_client_ = std::make_unique<LocalIndexSweepClient>(engine_.get());
  sweep_service_ =
      std::make_unique<SweepServiceImpl>(context.dispatcher(), engine_.get());
  RETURN_IF_ERROR(context.AddGrpcService(sweep_service_.get(),
                                         v1::SweepService::service_full_name(),
                                         SweepServiceImpl::Authorization()));
  // A store that has met an error answers nothing any more.
  const auto show = [this, failing = false]() mutable {
    const absl::Status shown = engine_->figures().Show();
    if (!shown.ok() && !failing) {
      LOG(WARNING) << "figures of datastores are not shown error=" << shown;
    }
    failing = !shown.ok();
  };
  figures_ = std::make_unique<Repeater>(
      context.executor(), SparingRound(kFiguresPeriod, context.clock(), show));
  figures_->Start();
  context.AddReadinessProbe("database",
                            [this] { return engine_->CheckHealth(); });
  return absl::OkStatus();
}

void IndexServer::Drain() {}

void IndexServer::Stop() {
  figures_.reset();
  sweep_service_.reset();
  service_.reset();
  sweep_client_.reset();
  client_.reset();
  engine_.reset();
  metrics_.reset();
  if (store_metrics_ != nullptr) store_metrics_->Detach();
  runs_.reset();
  kv_.reset();
  directory_.reset();
  files_.reset();
  store_metrics_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const ServerOptions& server) {
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(std::make_unique<IndexServer>(options, server.data_dir));
  return services;
}

}  // namespace cairn::index
