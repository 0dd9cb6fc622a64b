#include "services/maintenance/server.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "common/config/version.h"
#include "common/model/call.h"
#include "common/random/system_random.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"
#include "services/index/client/grpc_index_client.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::maintenance {
namespace {

constexpr uint32_t kFormatVersion = 1;

// Clients of the other services, over gRPC.
struct GrpcPeers {
  std::unique_ptr<GrpcIndexClient> index;
  std::unique_ptr<GrpcChunkClient> chunks;
};

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(
    const std::string& target, const TlsFiles& tls) {
  ChannelOptions options;
  options.target = target;
  options.tls_ca_file = tls.ca;
  options.tls_cert_file = tls.cert;
  options.tls_key_file = tls.key;
  return CreateChannel(options);
}

}  // namespace

MaintenanceServer::MaintenanceServer(const Options& options,
                                     std::string data_dir, FindPeers find_peers)
    : options_(options),
      data_dir_(std::move(data_dir)),
      find_peers_(std::move(find_peers)) {}

MaintenanceServer::~MaintenanceServer() { Stop(); }

absl::Status MaintenanceServer::OpenStore(ServiceContext& context) {
  auto random = NewSystemBitGen();
  RETURN_IF_ERROR(files_.CreateDirectories(data_dir_));
  const std::string path = absl::StrCat(data_dir_, "/maintenance");
  ASSIGN_OR_RETURN(directory_,
                   DataDirectory::Open({.path = path,
                                        .support = {.service = name(),
                                                    .version = kFormatVersion,
                                                    .features = {},
                                                    .release = kVersion}},
                                       &files_, random));
  RocksKvStore::Options rocks;
  rocks.path = absl::StrCat(directory_->path(), "/db");
  for (const std::string& table : LeaseStore::TableNames()) {
    rocks.tables.push_back({.name = table});
  }
  rocks.block_cache_bytes = options_.block_cache_bytes;
  rocks.write_buffer_bytes = options_.write_buffer_bytes;
  rocks.reserve_bytes = options_.reserve_bytes;
  rocks.ballast_bytes = options_.ballast_bytes;
  rocks.files = &files_;
  ASSIGN_OR_RETURN(kv_, RocksKvStore::Open(rocks, context.fatal_errors()));
  return absl::OkStatus();
}

absl::Status MaintenanceServer::Start(ServiceContext& context) {
  RETURN_IF_ERROR(OpenStore(context));
  metrics_ = std::make_unique<MaintenanceMetrics>(context.metrics());
  ASSIGN_OR_RETURN(const Peers peers, find_peers_(context));
  ASSIGN_OR_RETURN(coordinator_,
                   LeaseCoordinator::Open(options_.Coordinator(),
                                          {.clock = context.clock(),
                                           .executor = context.executor(),
                                           .kv = kv_.get(),
                                           .catalog = peers.catalog,
                                           .fence = peers.fence,
                                           .chunks = peers.chunks,
                                           .metrics = metrics_.get()}));
  rounds_ = std::make_unique<CoordinatorRounds>(
      options_.Rounds(),
      CoordinatorRounds::Dependencies{.clock = context.clock(),
                                      .executor = context.executor(),
                                      .catalog = peers.catalog,
                                      .coordinator = coordinator_.get(),
                                      .metrics = metrics_.get()});
  client_ = std::make_unique<LocalLeaseClient>(
      coordinator_.get(), Caller{.kind = CallerKind::kLocal,
                                 .role = CallerRole::kService,
                                 .principal = "cairnd@service"});
  service_ = std::make_unique<MaintenanceServiceImpl>(context.dispatcher(),
                                                      coordinator_.get());
  RETURN_IF_ERROR(context.AddGrpcService(
      service_.get(), v1::MaintenanceService::service_full_name(),
      MaintenanceServiceImpl::Authorization()));
  // A round talks to index and chunk_storage about every datastore.
  context.AddReadinessProbe("peers", [this] { return rounds_->last_result(); });
  rounds_->Start();
  return absl::OkStatus();
}

void MaintenanceServer::Drain() {}

void MaintenanceServer::Stop() {
  if (rounds_ != nullptr) rounds_->Stop();
  service_.reset();
  client_.reset();
  rounds_.reset();
  coordinator_.reset();
  metrics_.reset();
  kv_.reset();
  directory_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const PeerOptions& peers,
    const ServerOptions& server) {
  // Kept by the function below, and so by the service.
  const auto clients = std::make_shared<GrpcPeers>();
  const auto find_peers =
      [peers, tls = server.tls, clients](
          ServiceContext& context) -> absl::StatusOr<MaintenanceServer::Peers> {
    ASSIGN_OR_RETURN(const auto index, Connect(peers.index, tls));
    ASSIGN_OR_RETURN(const auto chunks, Connect(peers.chunk_storage, tls));
    clients->index = std::make_unique<GrpcIndexClient>(index, context.clock());
    clients->chunks =
        std::make_unique<GrpcChunkClient>(chunks, context.clock());
    return MaintenanceServer::Peers{.catalog = clients->index.get(),
                                    .fence = clients->index.get(),
                                    .chunks = clients->chunks.get()};
  };
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(std::make_unique<MaintenanceServer>(
      options, server.data_dir, find_peers));
  return services;
}

}  // namespace cairn::maintenance
