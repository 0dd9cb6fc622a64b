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
  ASSIGN_OR_RETURN(directory_,
                   DataDirectory::Open({.path = path, .support = IndexFormat()},
                                       &files_, random));
  ASSIGN_OR_RETURN(const Replacement replacement,
                   PutRebuiltInPlace(files_, directory_->path()));
  if (replacement.done) {
    LOG(INFO) << "rebuilt database is put in place former="
              << replacement.former;
  }
  const std::string database =
      absl::StrCat(directory_->path(), "/", kDatabaseName);
  ASSIGN_OR_RETURN(
      kv_, RocksKvStore::Open(DatabaseOptions(options_, database, &files_),
                              context.fatal_errors()));
  ASSIGN_OR_RETURN(
      runs_,
      RunDirectory::Open(&files_, absl::StrCat(directory_->path(), "/sweep")));
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
                            .role = CallerRole::kService,
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
  context.AddReadinessProbe("database",
                            [this] { return engine_->CheckHealth(); });
  return absl::OkStatus();
}

void IndexServer::Drain() {}

void IndexServer::Stop() {
  sweep_service_.reset();
  service_.reset();
  sweep_client_.reset();
  client_.reset();
  engine_.reset();
  metrics_.reset();
  runs_.reset();
  kv_.reset();
  directory_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const ServerOptions& server) {
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(std::make_unique<IndexServer>(options, server.data_dir));
  return services;
}

}  // namespace cairn::index
