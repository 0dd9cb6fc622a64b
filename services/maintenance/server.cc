#include "services/maintenance/server.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "common/config/version.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/random/secret_bytes.h"
#include "common/random/system_random.h"
#include "common/rpc/channel.h"
#include "common/rpc/peer_methods.h"
#include "common/status/peer_answer.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"
#include "services/chunk_storage/client/grpc_sweep_client.h"
#include "services/index/client/grpc_index_client.h"
#include "services/index/client/grpc_sweep_client.h"
#include "services/maintenance/engine/lease_guard.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::maintenance {
namespace {

constexpr uint32_t kFormatVersion = 1;
// Of one question of a change of the catalog to index or chunk_storage.
constexpr absl::Duration kPeerTimeout = absl::Minutes(1);

// Of the stores one after another.
std::vector<std::string> AllTables() {
  std::vector<std::string> tables = LeaseStore::TableNames();
  for (const auto& more : {TaskStore::TableNames(), SweepStore::TableNames(),
                           TokenStore::TableNames()}) {
    tables.insert(tables.end(), more.begin(), more.end());
  }
  return tables;
}

// Any answer says that the peer works.
constexpr absl::Duration kProbeTimeout = absl::Seconds(1);

absl::Status ProbeIndex(CatalogClient* catalog, const Clock* clock) {
  return PeerAnswered(
      catalog
          ->ListDatastores(
              MaintenanceCall(clock->Now() + kProbeTimeout, nullptr),
              {.page_size = 1})
          .status());
}

absl::Status ProbeChunkStorage(ChunkClient* chunks, const Clock* clock) {
  return PeerAnswered(
      chunks
          ->Statistics(MaintenanceCall(clock->Now() + kProbeTimeout, nullptr),
                       DatastoreRef{})
          .status());
}

// Clients of the other services, over gRPC.
struct GrpcPeers {
  std::unique_ptr<GrpcIndexClient> index;
  std::unique_ptr<GrpcChunkClient> chunks;
  std::unique_ptr<GrpcIndexSweepClient> index_sweeps;
  std::unique_ptr<GrpcStoreSweepClient> store_sweeps;
};

}  // namespace

MaintenanceServer::MaintenanceServer(const Options& options,
                                     std::string data_dir, FindPeers find_peers)
    : options_(options),
      data_dir_(std::move(data_dir)),
      find_peers_(std::move(find_peers)) {}

MaintenanceServer::~MaintenanceServer() { Stop(); }

absl::Status MaintenanceServer::OpenStore(ServiceContext& context) {
  auto random = NewSystemBitGen();
  const std::string path = absl::StrCat(data_dir_, "/maintenance");
  store_metrics_ = std::make_unique<StoreMetrics>(name(), path, context.clock(),
                                                  context.metrics());
  files_ = std::make_unique<ObservedFileSystem>(
      &machine_files_, context.clock(), store_metrics_->syncs());
  RETURN_IF_ERROR(files_->CreateDirectories(data_dir_));
  ASSIGN_OR_RETURN(directory_,
                   DataDirectory::Open({.path = path,
                                        .support = {.service = name(),
                                                    .version = kFormatVersion,
                                                    .features = {},
                                                    .release = kVersion}},
                                       files_.get(), random));
  RocksKvStore::Options rocks;
  rocks.path = absl::StrCat(directory_->path(), "/db");
  for (const std::string& table : AllTables()) {
    rocks.tables.push_back({.name = table});
  }
  rocks.block_cache_bytes = options_.block_cache_bytes;
  rocks.write_buffer_bytes = options_.write_buffer_bytes;
  rocks.reserve_bytes = options_.reserve_bytes;
  rocks.ballast_bytes = options_.ballast_bytes;
  rocks.files = files_.get();
  rocks.syncs = store_metrics_->syncs();
  rocks.clock = context.clock();
  ASSIGN_OR_RETURN(kv_, RocksKvStore::Open(rocks, context.fatal_errors()));
  store_metrics_->Attach(kv_.get());
  return absl::OkStatus();
}

absl::Status MaintenanceServer::Start(ServiceContext& context) {
  RETURN_IF_ERROR(OpenStore(context));
  metrics_ = std::make_unique<MaintenanceMetrics>(context.metrics());
  ASSIGN_OR_RETURN(const Peers peers, find_peers_(context));
  RETURN_IF_ERROR(StartLeases(context, peers));
  RETURN_IF_ERROR(OpenTasks(context, peers));
  RETURN_IF_ERROR(ReleaseLeases());
  RETURN_IF_ERROR(StartTasks(context));
  RETURN_IF_ERROR(StartTokens(context));
  rounds_->Start();
  scheduler_->Begin();
  return absl::OkStatus();
}

absl::Status MaintenanceServer::StartLeases(ServiceContext& context,
                                            const Peers& peers) {
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
                                 .role = CallerRole::kMaintenance,
                                 .principal = "cairnd@service"});
  service_ = std::make_unique<MaintenanceServiceImpl>(context.dispatcher(),
                                                      coordinator_.get());
  RETURN_IF_ERROR(context.AddGrpcService(
      service_.get(), v1::MaintenanceService::service_full_name(),
      MaintenanceServiceImpl::Authorization()));
  // A round talks to index and chunk_storage about every datastore.
  context.AddReadinessProbe("peers", [this] { return rounds_->last_result(); });
  return absl::OkStatus();
}

absl::Status MaintenanceServer::OpenTasks(ServiceContext& context,
                                          const Peers& peers) {
  const auto task_tables =
      static_cast<KvTable>(LeaseStore::TableNames().size());
  task_store_ = std::make_unique<TaskStore>(kv_.get(), task_tables);
  sweep_store_ = std::make_unique<SweepStore>(
      kv_.get(),
      task_tables + static_cast<KvTable>(TaskStore::TableNames().size()));
  RETURN_IF_ERROR(sweep_store_->InterruptAll(context.clock()->Now()));
  ASSIGN_OR_RETURN(
      tasks_, TaskRegistry::Open(options_.Tasks(),
                                 {.clock = context.clock(),
                                  .executor = context.executor(),
                                  .store = task_store_.get(),
                                  .on_interrupted =
                                      [this](TaskKind kind) {
                                        metrics_->task_runs
                                            .at({kind, TaskState::kInterrupted})
                                            ->Increment();
                                      }},
                                 [random = NewSystemBitGen()]() mutable {
                                   return Uuid::Random(random);
                                 }));
  ASSIGN_OR_RETURN(job_book_, JobBook::Open({}, {.clock = context.clock(),
                                                 .store = task_store_.get()}));
  changes_ = std::make_unique<CatalogChanges>(
      CatalogChanges::Dependencies{.catalog = peers.catalog,
                                   .chunks = peers.chunks,
                                   .clock = context.clock(),
                                   .peer_timeout = kPeerTimeout});
  pruner_ = std::make_unique<Pruner>(
      options_.Prune(),
      Pruner::Dependencies{
          .clock = context.clock(),
          .catalog = peers.catalog,
          .apply = [this](const Call& call, const std::string& datastore,
                          const CatalogChange& change) {
            return changes_->Apply(call, datastore, change);
          }});
  run_peers_ = {.clock = context.clock(),
                .executor = context.executor(),
                .coordinator = coordinator_.get(),
                .catalog = peers.catalog,
                .fence = peers.fence,
                .chunks = peers.chunks,
                .index = peers.index_sweeps,
                .store = peers.store_sweeps,
                .sweeps = sweep_store_.get()};
  work_ = std::make_unique<TaskWork>(
      options_.Work(),
      TaskWork::Dependencies{.peers = run_peers_,
                             .pruner = pruner_.get(),
                             .codec = &codec_,
                             .metrics = metrics_.get(),
                             .ask = [this] { return AskPeers(); }});
  return absl::OkStatus();
}

absl::Status MaintenanceServer::AskPeers() const {
  absl::Status answer = ProbeIndex(run_peers_.catalog, run_peers_.clock);
  answer.Update(ProbeChunkStorage(run_peers_.chunks, run_peers_.clock));
  return answer;
}

// A run that was killed with its process renews nothing any more, and what it
// still has on its way is told by its token: the next gc need not wait until
// its lease has expired. A lease has the id of its task.
absl::Status MaintenanceServer::ReleaseLeases() {
  const TaskQuery query = {.state = TaskState::kInterrupted};
  PageRequest request = {.page_size = kMaxPageSize};
  do {
    ASSIGN_OR_RETURN(const ListPage<Task> page, tasks_->List(query, request));
    for (const Task& task : page.items) {
      RETURN_IF_ERROR(coordinator_->Release(
          MaintenanceCall(absl::InfiniteFuture(), nullptr),
          task.request.datastore, task.id));
    }
    request.page_token = page.next_page_token;
  } while (!request.page_token.empty());
  return absl::OkStatus();
}

absl::Status MaintenanceServer::StartTasks(ServiceContext& context) {
  // Tasks take hours: threads that serve calls are not for them.
  const auto threads = static_cast<int>(options_.max_running_tasks);
  ASSIGN_OR_RETURN(task_threads_,
                   ThreadPoolExecutor::Create(
                       {.name = "task",
                        .threads = threads,
                        .queue_limit = static_cast<size_t>(threads)}));
  runner_ = std::make_unique<TaskRunner>(
      options_.Runner(),
      TaskRunner::Dependencies{
          .clock = context.clock(),
          .executor = task_threads_.get(),
          .tasks = tasks_.get(),
          .metrics = metrics_.get(),
          .work = [this](const Task& task, RunControl& control) {
            return work_->Run(task, control);
          }});
  task_frontend_ = std::make_unique<TaskFrontend>(
      TaskFrontend::Options{},
      TaskFrontend::Dependencies{.tasks = tasks_.get(),
                                 .runner = runner_.get()});
  job_frontend_ = std::make_unique<JobFrontend>(
      JobFrontend::Dependencies{.catalog = run_peers_.catalog,
                                .jobs = job_book_.get(),
                                .tasks = task_frontend_.get()});
  scheduler_ = std::make_unique<JobScheduler>(
      JobScheduler::Options{},
      JobScheduler::Dependencies{.clock = context.clock(),
                                 .executor = context.executor(),
                                 .jobs = job_book_.get(),
                                 .tasks = tasks_.get()},
      [this](const Call&, const Job& job, const std::string& request_id) {
        return job_frontend_->StartDue(job, request_id);
      });
  task_service_ = std::make_unique<TaskServiceImpl>(
      TaskServiceImpl::Dependencies{.dispatcher = context.dispatcher(),
                                    .tasks = task_frontend_.get(),
                                    .pruner = pruner_.get(),
                                    .peers = run_peers_});
  RETURN_IF_ERROR(context.AddGrpcService(task_service_.get(),
                                         v1::TaskService::service_full_name(),
                                         TaskServiceImpl::Authorization()));
  job_service_ = std::make_unique<JobServiceImpl>(context.dispatcher(),
                                                  job_frontend_.get());
  return context.AddGrpcService(job_service_.get(),
                                v1::JobService::service_full_name(),
                                JobServiceImpl::Authorization());
}

absl::Status MaintenanceServer::StartTokens(ServiceContext& context) {
  token_store_ = std::make_unique<TokenStore>(
      kv_.get(), static_cast<KvTable>(AllTables().size() -
                                      TokenStore::TableNames().size()));
  ASSIGN_OR_RETURN(token_book_,
                   TokenBook::Open({}, {.clock = context.clock(),
                                        .store = token_store_.get(),
                                        .secrets = SecretBytes}));
  metrics_->CountTokens(
      [book = std::weak_ptr<TokenBook>(token_book_)](TokenState state) {
        const std::shared_ptr<TokenBook> open = book.lock();
        return open == nullptr ? 0 : open->Count(state);
      });
  token_directory_ = std::make_unique<BookDirectory>(token_book_.get());
  context.SetTokenDirectory(token_directory_.get());
  token_service_ = std::make_unique<TokenServiceImpl>(context.dispatcher(),
                                                      token_book_.get());
  return context.AddGrpcService(token_service_.get(),
                                v1::TokenService::service_full_name(),
                                TokenServiceImpl::Authorization());
}

void MaintenanceServer::Drain() {
  if (runner_ != nullptr) runner_->Drain();
}

void MaintenanceServer::Stop() {
  if (scheduler_ != nullptr) scheduler_->Stop();
  if (runner_ != nullptr) runner_->Stop();
  if (task_threads_ != nullptr) task_threads_->Shutdown();
  if (rounds_ != nullptr) rounds_->Stop();
  token_service_.reset();
  token_directory_.reset();
  token_book_.reset();
  token_store_.reset();
  job_service_.reset();
  task_service_.reset();
  scheduler_.reset();
  job_frontend_.reset();
  task_frontend_.reset();
  runner_.reset();
  task_threads_.reset();
  work_.reset();
  pruner_.reset();
  changes_.reset();
  job_book_.reset();
  tasks_.reset();
  sweep_store_.reset();
  task_store_.reset();
  service_.reset();
  client_.reset();
  rounds_.reset();
  coordinator_.reset();
  metrics_.reset();
  if (store_metrics_ != nullptr) store_metrics_->Detach();
  kv_.reset();
  directory_.reset();
  files_.reset();
  store_metrics_.reset();
}

std::vector<std::unique_ptr<Service>> BuildServices(
    const Options& options, const PeerOptions& peers,
    const ServerOptions& server) {
  // Kept by the function below, and so by the service.
  const auto clients = std::make_shared<GrpcPeers>();
  const auto find_peers =
      [peers, tls = server.tls, clients](
          ServiceContext& context) -> absl::StatusOr<MaintenanceServer::Peers> {
    const auto methods = CountPeerMethods(
        {"cairn.index.v1.IndexService", "cairn.index.v1.SweepService",
         "cairn.chunk_storage.v1.ChunkStorageService",
         "cairn.chunk_storage.v1.SweepService"},
        context.metrics());
    ASSIGN_OR_RETURN(const auto index,
                     CreatePeerChannel("index", peers.index, tls, methods));
    ASSIGN_OR_RETURN(
        const auto chunks,
        CreatePeerChannel("chunk_storage", peers.chunk_storage, tls, methods));
    clients->index = std::make_unique<GrpcIndexClient>(index, context.clock());
    clients->chunks =
        std::make_unique<GrpcChunkClient>(chunks, context.clock());
    clients->index_sweeps =
        std::make_unique<GrpcIndexSweepClient>(index, context.clock());
    clients->store_sweeps =
        std::make_unique<GrpcStoreSweepClient>(chunks, context.clock());
    context.AddReadinessProbe(
        "index", [clients = clients.get(), clock = context.clock()] {
          return ProbeIndex(clients->index.get(), clock);
        });
    context.AddReadinessProbe(
        "chunk_storage", [clients = clients.get(), clock = context.clock()] {
          return ProbeChunkStorage(clients->chunks.get(), clock);
        });
    return MaintenanceServer::Peers{
        .catalog = clients->index.get(),
        .fence = clients->index.get(),
        .chunks = clients->chunks.get(),
        .index_sweeps = clients->index_sweeps.get(),
        .store_sweeps = clients->store_sweeps.get()};
  };
  std::vector<std::unique_ptr<Service>> services;
  services.push_back(std::make_unique<MaintenanceServer>(
      options, server.data_dir, find_peers));
  return services;
}

}  // namespace cairn::maintenance
