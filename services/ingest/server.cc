#include "services/ingest/server.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/rpc/channel.h"
#include "common/rpc/peer_methods.h"
#include "common/status/peer_answer.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"
#include "services/index/client/grpc_index_client.h"
#include "services/maintenance/client/grpc_lease_client.h"
#include "services/maintenance/client/grpc_token_client.h"

namespace cairn::ingest {
namespace {

// Services in other processes.
struct GrpcPeers {
  std::unique_ptr<GrpcIndexClient> index;
  std::unique_ptr<GrpcChunkClient> chunks;
  std::unique_ptr<GrpcLeaseClient> leases;
  std::unique_ptr<GrpcTokenClient> tokens;
};

// A question that a peer answers with OK or NotFound while it works.
constexpr absl::Duration kProbeTimeout = absl::Seconds(1);
constexpr char kProbedDatastore[] = "default";

// Renewals are one call each, three in the life of a lease.
constexpr int kRenewalThreads = 4;

Call ProbeCall(const Clock& clock) {
  return {.caller = {.kind = CallerKind::kLocal,
                     .role = CallerRole::kIngest,
                     .principal = "ingest@service"},
          .deadline = clock.Now() + kProbeTimeout};
}

// Not ready while a peer is away; nothing else is lost by that.
void AddProbes(ServiceContext& context, const Peers& peers) {
  const Clock* const clock = context.clock();
  context.AddReadinessProbe("index", [peers, clock] {
    return PeerAnswered(
        peers.catalog->GetDatastore(ProbeCall(*clock), kProbedDatastore)
            .status());
  });
  context.AddReadinessProbe("maintenance", [peers, clock] {
    return PeerAnswered(
        peers.leases->GetEpoch(ProbeCall(*clock), kProbedDatastore).status());
  });
  context.AddReadinessProbe("chunk_storage", [peers, clock] {
    return PeerAnswered(
        peers.chunks->Statistics(ProbeCall(*clock), DatastoreRef{}).status());
  });
}

}  // namespace

IngestServer::IngestServer(const Options* options, const ServerOptions* server,
                           FindPeers find_peers)
    : options_(options),
      server_(server),
      find_peers_(std::move(find_peers)),
      random_(NewSystemBitGen()) {}

IngestServer::~IngestServer() { Stop(); }

absl::Status IngestServer::Start(ServiceContext& context) {
  ASSIGN_OR_RETURN(const Neighbours found, find_peers_(context));
  const Peers& peers = found.peers;
  metrics_ = std::make_unique<IngestMetrics>(context.metrics());
  // A thread for each stream: its answers wait for their own peer alone.
  ASSIGN_OR_RETURN(reply_executor_,
                   ThreadPoolExecutor::Create(
                       {.name = "reply",
                        .threads = static_cast<int>(server_->max_streams)}));
  ASSIGN_OR_RETURN(renewal_executor_,
                   ThreadPoolExecutor::Create(
                       {.name = "renewal", .threads = kRenewalThreads}));
  engine_ = std::make_unique<IngestEngine>(
      options_->Engine(),
      IngestEngine::Dependencies{.peers = peers,
                                 .clock = context.clock(),
                                 .executor = context.executor(),
                                 .renewals = renewal_executor_.get(),
                                 .random = random_,
                                 .metrics = metrics_.get()});
  changes_ =
      std::make_unique<CatalogChanges>(ForChanges(peers, context.clock()));
  upkeep_ = std::make_unique<SessionUpkeep>(
      SessionUpkeep::Options{
          .period = std::max(absl::Minutes(1), options_->lease_ttl / 2)},
      SessionUpkeep::Dependencies{.peers = peers,
                                  .changes = changes_.get(),
                                  .clock = context.clock(),
                                  .executor = context.executor()});
  services_ = std::make_unique<IngestServices>(
      engine_.get(), context.dispatcher(), reply_executor_.get());
  RETURN_IF_ERROR(services_->Register(context));
  if (found.tokens != nullptr) {
    RETURN_IF_ERROR(StartTokens(context, found.tokens));
  }
  upkeep_->Start();
  return absl::OkStatus();
}

absl::Status IngestServer::Reload() {
  RETURN_IF_ERROR(
      reply_executor_->EnsureThreads(static_cast<int>(server_->max_streams)));
  engine_->SetLimits(options_->Engine());
  return absl::OkStatus();
}

absl::Status IngestServer::StartTokens(ServiceContext& context,
                                       TokenClient* tokens) {
  token_metrics_ = std::make_unique<TokenReplica::Metrics>(context.metrics());
  // A thread of its own: a revoked token is refused also while calls keep all
  // others busy.
  ASSIGN_OR_RETURN(token_executor_,
                   ThreadPoolExecutor::Create({.name = "token", .threads = 1}));
  tokens_ = std::make_unique<TokenReplica>(
      TokenReplica::Options{},
      TokenReplica::Dependencies{.tokens = tokens,
                                 .clock = context.clock(),
                                 .executor = token_executor_.get(),
                                 .metrics = token_metrics_.get()});
  token_directory_ = std::make_unique<ReplicaDirectory>(tokens_.get());
  context.SetTokenDirectory(token_directory_.get());
  tokens_->Start();
  return absl::OkStatus();
}

void IngestServer::Drain() {}

void IngestServer::Stop() {
  if (upkeep_ != nullptr) upkeep_->Stop();
  if (tokens_ != nullptr) tokens_->Stop();
  if (token_executor_ != nullptr) token_executor_->Shutdown();
  token_directory_.reset();
  tokens_.reset();
  token_executor_.reset();
  token_metrics_.reset();
  services_.reset();
  upkeep_.reset();
  changes_.reset();
  engine_.reset();
  renewal_executor_.reset();
  reply_executor_.reset();
  metrics_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options* options, const PeerOptions& peers,
    const ServerOptions* server) {
  // Kept by the function below, and so by the service. Channels connect when
  // they are used, so that peers may start later, or again.
  const auto clients = std::make_shared<GrpcPeers>();
  const auto find_peers =
      [peers, tls = server->tls, clients](
          ServiceContext& context) -> absl::StatusOr<IngestServer::Neighbours> {
    const auto methods =
        CountPeerMethods({"cairn.index.v1.IndexService",
                          "cairn.chunk_storage.v1.ChunkStorageService",
                          "cairn.maintenance.v1.MaintenanceService",
                          "cairn.maintenance.v1.TokenService"},
                         context.metrics());
    ASSIGN_OR_RETURN(const auto index,
                     CreatePeerChannel("index", peers.index, tls, methods));
    ASSIGN_OR_RETURN(
        const auto chunks,
        CreatePeerChannel("chunk_storage", peers.chunk_storage, tls, methods));
    ASSIGN_OR_RETURN(
        const auto maintenance,
        CreatePeerChannel("maintenance", peers.maintenance, tls, methods));
    clients->index = std::make_unique<GrpcIndexClient>(index, context.clock());
    clients->chunks =
        std::make_unique<GrpcChunkClient>(chunks, context.clock());
    clients->leases =
        std::make_unique<GrpcLeaseClient>(maintenance, context.clock());
    clients->tokens =
        std::make_unique<GrpcTokenClient>(maintenance, context.clock());
    const Peers found{.catalog = clients->index.get(),
                      .sessions = clients->index.get(),
                      .chunks = clients->chunks.get(),
                      .leases = clients->leases.get()};
    AddProbes(context, found);
    return IngestServer::Neighbours{.peers = found,
                                    .tokens = clients->tokens.get()};
  };
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(
      std::make_unique<IngestServer>(options, server, find_peers));
  return services;
}

}  // namespace cairn::ingest
