#include "services/ingest/server.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"
#include "services/index/client/grpc_index_client.h"
#include "services/maintenance/client/grpc_lease_client.h"

namespace cairn::ingest {
namespace {

// Services in other processes.
struct GrpcPeers {
  std::unique_ptr<GrpcIndexClient> index;
  std::unique_ptr<GrpcChunkClient> chunks;
  std::unique_ptr<GrpcLeaseClient> leases;
};

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(
    const std::string& address, const TlsFiles& tls) {
  return CreateChannel({.target = address,
                        .tls_ca_file = tls.ca,
                        .tls_cert_file = tls.cert,
                        .tls_key_file = tls.key});
}

// A question that a peer answers with OK or NotFound while it works.
constexpr absl::Duration kProbeTimeout = absl::Seconds(1);
constexpr char kProbedDatastore[] = "default";

Call ProbeCall(const Clock& clock) {
  return {.caller = {.kind = CallerKind::kLocal,
                     .role = CallerRole::kService,
                     .principal = "ingest@service"},
          .deadline = clock.Now() + kProbeTimeout};
}

absl::Status Answered(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                 absl::IsPermissionDenied(status) ||
                 absl::IsUnauthenticated(status)
             ? status
             : absl::OkStatus();
}

// Not ready while a peer is away; nothing else is lost by that.
void AddProbes(ServiceContext& context, const Peers& peers) {
  const Clock* const clock = context.clock();
  context.AddReadinessProbe("index", [peers, clock] {
    return Answered(
        peers.catalog->GetDatastore(ProbeCall(*clock), kProbedDatastore)
            .status());
  });
  context.AddReadinessProbe("maintenance", [peers, clock] {
    return Answered(
        peers.leases->GetEpoch(ProbeCall(*clock), kProbedDatastore).status());
  });
  context.AddReadinessProbe("chunk_storage", [peers, clock] {
    return Answered(
        peers.chunks->Statistics(ProbeCall(*clock), DatastoreRef{}).status());
  });
}

}  // namespace

IngestServer::IngestServer(const Options& options, int64_t max_streams,
                           FindPeers find_peers)
    : options_(options),
      max_streams_(max_streams),
      find_peers_(std::move(find_peers)),
      random_(NewSystemBitGen()) {}

IngestServer::~IngestServer() { Stop(); }

absl::Status IngestServer::Start(ServiceContext& context) {
  ASSIGN_OR_RETURN(const Peers peers, find_peers_(context));
  metrics_ = std::make_unique<IngestMetrics>(context.metrics());
  // A thread for each stream: its answers wait for their own peer alone.
  ASSIGN_OR_RETURN(
      reply_executor_,
      ThreadPoolExecutor::Create(
          {.name = "reply", .threads = static_cast<int>(max_streams_)}));
  engine_ = std::make_unique<IngestEngine>(
      options_.Engine(),
      IngestEngine::Dependencies{.peers = peers,
                                 .clock = context.clock(),
                                 .executor = context.executor(),
                                 .random = random_,
                                 .metrics = metrics_.get()});
  changes_ =
      std::make_unique<CatalogChanges>(ForChanges(peers, context.clock()));
  upkeep_ = std::make_unique<SessionUpkeep>(
      SessionUpkeep::Options{
          .period = std::max(absl::Minutes(1), options_.lease_ttl / 2)},
      SessionUpkeep::Dependencies{.peers = peers,
                                  .changes = changes_.get(),
                                  .clock = context.clock(),
                                  .executor = context.executor()});
  services_ = std::make_unique<IngestServices>(
      engine_.get(), context.dispatcher(), reply_executor_.get());
  RETURN_IF_ERROR(services_->Register(context));
  upkeep_->Start();
  return absl::OkStatus();
}

void IngestServer::Drain() {}

void IngestServer::Stop() {
  if (upkeep_ != nullptr) upkeep_->Stop();
  services_.reset();
  upkeep_.reset();
  changes_.reset();
  engine_.reset();
  reply_executor_.reset();
  metrics_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const PeerOptions& peers,
    const ServerOptions& server) {
  // Kept by the function below, and so by the service. Channels connect when
  // they are used, so that peers may start later, or again.
  const auto clients = std::make_shared<GrpcPeers>();
  const auto find_peers =
      [peers, tls = server.tls,
       clients](ServiceContext& context) -> absl::StatusOr<Peers> {
    ASSIGN_OR_RETURN(const auto index, Connect(peers.index, tls));
    ASSIGN_OR_RETURN(const auto chunks, Connect(peers.chunk_storage, tls));
    ASSIGN_OR_RETURN(const auto leases, Connect(peers.maintenance, tls));
    clients->index = std::make_unique<GrpcIndexClient>(index, context.clock());
    clients->chunks =
        std::make_unique<GrpcChunkClient>(chunks, context.clock());
    clients->leases =
        std::make_unique<GrpcLeaseClient>(leases, context.clock());
    const Peers found{.catalog = clients->index.get(),
                      .sessions = clients->index.get(),
                      .chunks = clients->chunks.get(),
                      .leases = clients->leases.get()};
    AddProbes(context, found);
    return found;
  };
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(
      std::make_unique<IngestServer>(options, server.max_streams, find_peers));
  return services;
}

}  // namespace cairn::ingest
