#include "services/ingest/server.h"

#include <utility>

#include "common/status/status_macros.h"

namespace cairn::ingest {

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
  services_ = std::make_unique<IngestServices>(
      engine_.get(), context.dispatcher(), reply_executor_.get());
  return services_->Register(context);
}

void IngestServer::Drain() {}

void IngestServer::Stop() {
  services_.reset();
  engine_.reset();
  reply_executor_.reset();
  metrics_.reset();
}

}  // namespace cairn::ingest
