#include "common/server/cairn_server.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/server_posix.h>

#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/config/version.h"
#include "common/log/log.h"
#include "common/metrics/metrics_exposer.h"
#include "common/metrics/process_metrics.h"
#include "common/metrics/rpc_metrics.h"
#include "common/rpc/auth_failures.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/caller_resolver.h"
#include "common/rpc/certificate_expiry.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/library_logs.h"
#include "common/rpc/peer_methods.h"
#include "common/server/health_board.h"
#include "common/server/health_service.h"
#include "common/server/readiness_monitor.h"
#include "common/server/server_parts.h"
#include "common/server/unix_listener.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// What the health port may hold: its messages have a few bytes.
constexpr uint64_t kHealthMemoryBytes = uint64_t{16} << 20;
// Their own, so that readiness is told also while all workers wait for a peer
// that hangs. A probe takes a second at most, and a service has three or less.
constexpr int kProbeThreads = 4;
// What a health check may ask with.
constexpr int kHealthMessageBytes = 1024;
// How long a connection without calls may take to end. A client that answers
// has taken all that was sent to it, so the wait is one round trip.
constexpr absl::Duration kFarewell = absl::Milliseconds(500);

// Read again at each scrape, as the files are: a renewed one shows at once.
void AddCertificateMetrics(const TlsFiles& files, MetricRegistry* registry) {
  if (files.empty()) return;
  for (const auto& [label, path] :
       {std::pair("own", files.cert), std::pair("ca", files.ca)}) {
    registry->AddCallback(
        "cairn_cert_expiry_timestamp_seconds",
        "When the first certificate in the file ends; 0: it has none.",
        {{"file", label}}, /*counts=*/false, [path = path] {
          const absl::StatusOr<absl::Time> expiry = FirstExpiry(path);
          return expiry.ok()
                     ? absl::ToDoubleSeconds(*expiry - absl::UnixEpoch())
                     : 0;
        });
  }
}

Dispatcher::Limits LimitsOf(const ServerOptions& options) {
  return {.max_unary_calls = static_cast<int>(options.max_unary_calls),
          .max_streams = static_cast<int>(options.max_streams),
          .max_streams_per_client =
              static_cast<int>(options.MaxStreamsPerClient())};
}

}  // namespace

// Everything a server owns, in the order in which it is built; destroyed in
// reverse, once Shutdown has emptied it.
class CairnServer::Parts final : public ServiceContext {
 public:
  Parts(std::string name, const ServerOptions& options,
        const Dependencies& dependencies)
      : name_(std::move(name)),
        options_(options),
        dependencies_(dependencies),
        callers_(&unix_callers_),
        failures_(&registry_, dependencies.clock),
        rpc_metrics_(&registry_),
        health_(&board_) {}

  absl::Status Start(std::vector<std::unique_ptr<Service>> services);
  absl::Status Reload(const ServerOptions& options);
  void EndReadiness();
  void Drain();
  void Shutdown();

  Dispatcher* dispatcher() override { return dispatcher_.get(); }
  MetricRegistry* metrics() override { return &registry_; }
  const Clock* clock() override { return dependencies_.clock; }
  Executor* executor() override { return workers_.get(); }
  FatalErrorSink* fatal_errors() override { return dependencies_.fatal_errors; }
  absl::Status AddGrpcService(grpc::Service* service,
                              std::string_view full_name,
                              std::span<const AuthorizationRow> rows) override;
  void AddReadinessProbe(std::string name, ReadinessProbe probe) override {
    monitor_->AddProbe(starting_, name, std::move(probe));
  }
  void SetTokenDirectory(TokenDirectory* directory) override {
    dispatcher_->SetTokenDirectory(directory);
    takes_tokens_ = true;
  }

  const std::vector<uint16_t>& ports() const { return ports_; }
  uint16_t health_port() const { return health_port_; }
  uint16_t metrics_port() const {
    return exposer_ == nullptr ? 0 : exposer_->port();
  }

 private:
  absl::Status StartThreads();
  absl::Status StartObservation();
  absl::Status StartServices(std::vector<std::unique_ptr<Service>> services);
  absl::Status StartHealthPort();
  absl::Status StartServing();
  absl::Status StartUnixListener(const Endpoint& endpoint);
  void EndConnections();

  const std::string name_;
  const ServerOptions options_;
  const Dependencies dependencies_;

  MetricRegistry registry_;
  UnixCallers unix_callers_;
  const CallerResolver callers_;
  AuthorizationTable authorization_;
  AuthFailures failures_;
  RpcMetrics rpc_metrics_;
  HealthBoard board_;
  HealthService health_;
  std::unique_ptr<ThreadPoolExecutor> workers_;
  std::unique_ptr<ThreadPoolExecutor> probe_threads_;
  std::unique_ptr<ThreadPoolExecutor> unary_threads_;
  std::unique_ptr<ThreadPoolExecutor> stream_threads_;
  std::unique_ptr<MetricsExposer> exposer_;
  std::unique_ptr<ReadinessMonitor> monitor_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<Service>> services_;  // Start was called on each
  std::string starting_;                            // the one that starts now
  bool takes_tokens_ = false;                       // one gave a directory
  std::vector<grpc::Service*> grpc_services_;
  std::unique_ptr<grpc::Server> health_server_;
  uint16_t health_port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::vector<uint16_t> ports_;
  std::vector<std::unique_ptr<UnixListener>> listeners_;
};

absl::Status CairnServer::Parts::Start(
    std::vector<std::unique_ptr<Service>> services) {
  RETURN_IF_ERROR(options_.Validate());
  RETURN_IF_ERROR(StartThreads());
  RETURN_IF_ERROR(StartObservation());
  RETURN_IF_ERROR(StartServices(std::move(services)));
  if (dependencies_.before_serving) dependencies_.before_serving();
  RETURN_IF_ERROR(StartServing());
  monitor_->Start();
  std::vector<std::string> addresses = options_.listen;
  LOG(INFO) << "server started name=" << name_ << " version=" << kVersion
            << " listen=" << absl::StrJoin(addresses, ",")
            << " ports=" << absl::StrJoin(ports_, ",")
            << " health_port=" << health_port_
            << " metrics_port=" << metrics_port();
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::StartThreads() {
  ASSIGN_OR_RETURN(workers_,
                   ThreadPoolExecutor::Create(
                       {.name = "worker",
                        .threads = static_cast<int>(options_.worker_threads)}));
  ASSIGN_OR_RETURN(
      probe_threads_,
      ThreadPoolExecutor::Create({.name = "probe", .threads = kProbeThreads}));
  ASSIGN_OR_RETURN(
      unary_threads_,
      ThreadPoolExecutor::Create(
          {.name = "rpc",
           .threads = static_cast<int>(options_.rpc_threads),
           .queue_limit = static_cast<size_t>(options_.max_unary_calls)}));
  ASSIGN_OR_RETURN(stream_threads_,
                   ThreadPoolExecutor::Create(
                       {.name = "stream",
                        .threads = static_cast<int>(options_.max_streams)}));
  const Dispatcher::Limits limits = LimitsOf(options_);
  dispatcher_ = std::make_unique<Dispatcher>(
      Dispatcher::Options{
          .default_deadline = options_.default_deadline,
          .max_unary_calls = limits.max_unary_calls,
          .max_streams = limits.max_streams,
          .max_streams_per_client = limits.max_streams_per_client,
          .first_message_timeout = options_.first_message_timeout},
      Dispatcher::Dependencies{.callers = &callers_,
                               .authorization = &authorization_,
                               .failures = &failures_,
                               .metrics = &rpc_metrics_,
                               .clock = dependencies_.clock,
                               .unary_executor = unary_threads_.get(),
                               .stream_executor = stream_threads_.get()});
  return absl::OkStatus();
}

// Before the services, whose start may take long: recovery scans packs.
absl::Status CairnServer::Parts::StartObservation() {
  AddProcessMetrics(name_, kVersion, &registry_);
  registry_.AddCallback("cairn_rpc_queued_calls",
                        "Unary calls that wait for a thread.", {}, false,
                        [pool = unary_threads_.get()] {
                          return static_cast<double>(pool->queued());
                        });
  AddCertificateMetrics(options_.tls, &registry_);
  if (!options_.metrics_listen.empty()) {
    ASSIGN_OR_RETURN(exposer_,
                     MetricsExposer::Open(options_.metrics_listen, registry_));
  }
  monitor_ = std::make_unique<ReadinessMonitor>(&board_, &registry_,
                                                probe_threads_.get());
  if (!options_.health_listen.empty()) RETURN_IF_ERROR(StartHealthPort());
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::StartHealthPort() {
  grpc::ServerBuilder builder;
  ConfigureBuilder(/*dispatched=*/false, kHealthMemoryBytes,
                   options_.max_connection_age, &builder);
  int port = 0;
  builder.AddListeningPort(options_.health_listen,
                           grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(kHealthMessageBytes);
  builder.RegisterService(&health_);
  health_server_ = builder.BuildAndStart();
  if (health_server_ == nullptr || port <= 0) {
    return absl::UnavailableError(
        absl::StrCat("setting health-listen: ", options_.health_listen,
                     " is in use or not of this machine"));
  }
  health_port_ = static_cast<uint16_t>(port);
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::StartServices(
    std::vector<std::unique_ptr<Service>> services) {
  for (std::unique_ptr<Service>& service : services) {
    services_.push_back(std::move(service));
    starting_ = services_.back()->name();
    monitor_->AddService(starting_);
    RETURN_IF_ERROR(WithContext(services_.back()->Start(*this),
                                absl::StrCat("service ", starting_)));
  }
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::AddGrpcService(
    grpc::Service* service, std::string_view full_name,
    std::span<const AuthorizationRow> rows) {
  const google::protobuf::ServiceDescriptor* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          std::string(full_name));
  if (descriptor == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no service ", full_name, " is linked"));
  }
  RETURN_IF_ERROR(authorization_.Add(rows));
  const std::vector<std::string> missing =
      authorization_.MissingRows(*descriptor);
  const std::vector<std::string> stray = authorization_.StrayRows(*descriptor);
  if (!missing.empty() || !stray.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "authorization of ", full_name, " lacks rows for [",
        absl::StrJoin(missing, ", "), "] and has rows without method [",
        absl::StrJoin(stray, ", "), "]"));
  }
  RETURN_IF_ERROR(authorization_.CheckScopeRules(*descriptor));
  for (int i = 0; i < descriptor->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *descriptor->method(i);
    rpc_metrics_.AddMethod(absl::StrCat(full_name, "/", method.name()),
                           TypeOfMethod(method));
  }
  grpc_services_.push_back(service);
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::StartServing() {
  ASSIGN_OR_RETURN(const std::vector<Endpoint> endpoints, options_.Endpoints());
  WatchHandshakes([this](std::string_view why) {
    failures_.Refused(AuthFailure::kHandshake, "", "", "", why);
  });
  grpc::ServerBuilder builder;
  ConfigureBuilder(/*dispatched=*/true, options_.rpc_memory_bytes,
                   options_.max_connection_age, &builder);
  // Filled by BuildAndStart, so their addresses must stay.
  std::vector<int> chosen(endpoints.size(), 0);
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].kind == Endpoint::Kind::kUnix) continue;
    builder.AddListeningPort(
        endpoints[i].Address(),
        endpoints[i].kind == Endpoint::Kind::kTls
            ? TlsServerCredentials(options_.tls,
                                   takes_tokens_ ? ClientCertificate::kOptional
                                                 : ClientCertificate::kRequired)
            : grpc::InsecureServerCredentials(),
        &chosen[i]);
  }
  builder.RegisterService(&health_);
  for (grpc::Service* service : grpc_services_) {
    builder.RegisterService(service);
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "setting listen: one of ", absl::StrJoin(options_.listen, ","),
        " is in use or not of this machine"));
  }
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].kind == Endpoint::Kind::kUnix) {
      RETURN_IF_ERROR(StartUnixListener(endpoints[i]));
      continue;
    }
    if (chosen[i] <= 0) {
      return absl::UnavailableError(
          absl::StrCat("setting listen: ", endpoints[i].Address(),
                       " is in use or not of this machine"));
    }
    ports_.push_back(static_cast<uint16_t>(chosen[i]));
    if (endpoints[i].kind != Endpoint::Kind::kPlaintext) continue;
    LOG(WARNING) << "every user of this machine is an administrator at port="
                 << chosen[i]
                 << ", since it is plaintext; take it out of the setting "
                    "listen, or give the tls-... settings, to keep them out";
  }
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::StartUnixListener(const Endpoint& endpoint) {
  ASSIGN_OR_RETURN(std::vector<uint32_t> uids, options_.AllowedUids());
  ASSIGN_OR_RETURN(auto listener,
                   UnixListener::Open(
                       {.path = endpoint.path, .allowed_uids = std::move(uids)},
                       [this](UniqueFd connection, Caller caller) {
                         const int fd = connection.Release();
                         unix_callers_.Remember(fd, std::move(caller));
                         grpc::AddInsecureChannelFromFd(server_.get(), fd);
                       }));
  listeners_.push_back(std::move(listener));
  return absl::OkStatus();
}

absl::Status CairnServer::Parts::Reload(const ServerOptions& options) {
  const Dispatcher::Limits limits = LimitsOf(options);
  RETURN_IF_ERROR(stream_threads_->EnsureThreads(limits.max_streams));
  for (const auto& service : services_) {
    RETURN_IF_ERROR(WithContext(service->Reload(),
                                absl::StrCat("service ", service->name())));
  }
  // Last: what a stream needs is there before more of them may come.
  unary_threads_->SetQueueLimit(static_cast<size_t>(limits.max_unary_calls));
  dispatcher_->SetLimits(limits);
  return absl::OkStatus();
}

void CairnServer::Parts::EndReadiness() {
  if (monitor_ != nullptr) monitor_->Drain();
}

void CairnServer::Parts::Drain() {
  EndReadiness();
  if (dispatcher_ != nullptr) dispatcher_->Drain();
  for (const auto& service : services_) service->Drain();
}

// Each client is asked whether it has got everything, and its connection ends
// with the answer: closed at once, it could lose the last status.
void CairnServer::Parts::EndConnections() {
  if (dispatcher_->calls_in_flight() > 0) {
    server_->Shutdown(std::chrono::system_clock::time_point());
    return;
  }
  server_->Shutdown(absl::ToChronoTime(dependencies_.clock->Now() + kFarewell));
}

// Also after a Start that failed half-way: each part may be missing.
void CairnServer::Parts::Shutdown() {
  // No connection is handed to a server that has stopped.
  listeners_.clear();
  if (server_ != nullptr) EndConnections();
  if (dispatcher_ != nullptr) dispatcher_->AwaitIdle(absl::InfiniteDuration());
  server_.reset();
  WatchHandshakes(nullptr);
  if (monitor_ != nullptr) monitor_->Stop();
  for (auto service = services_.rbegin(); service != services_.rend();
       ++service) {
    (*service)->Stop();
  }
  while (!services_.empty()) services_.pop_back();
  if (health_server_ != nullptr) {
    health_server_->Shutdown(std::chrono::system_clock::time_point());
  }
  health_server_.reset();
  exposer_.reset();
  if (unary_threads_ != nullptr) unary_threads_->Shutdown();
  if (stream_threads_ != nullptr) stream_threads_->Shutdown();
  if (probe_threads_ != nullptr) probe_threads_->Shutdown();
  if (workers_ != nullptr) workers_->Shutdown();
}

absl::StatusOr<std::unique_ptr<CairnServer>> CairnServer::Start(
    const std::string& name, const ServerOptions& options,
    std::vector<std::unique_ptr<Service>> services,
    const Dependencies& dependencies) {
  auto parts = std::make_unique<Parts>(name, options, dependencies);
  if (absl::Status status = parts->Start(std::move(services)); !status.ok()) {
    parts->Drain();
    parts->Shutdown();
    return status;
  }
  return std::unique_ptr<CairnServer>(new CairnServer(std::move(parts)));
}

CairnServer::CairnServer(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}

CairnServer::~CairnServer() { Shutdown(); }

absl::Status CairnServer::Reload(const ServerOptions& options) {
  absl::MutexLock lock(&mutex_);
  if (drained_) return absl::UnavailableError("server is draining");
  return parts_->Reload(options);
}

void CairnServer::EndReadiness() {
  parts_->EndReadiness();
  LOG(INFO) << "server is no longer ready";
}

void CairnServer::Drain() {
  absl::MutexLock lock(&mutex_);
  if (std::exchange(drained_, true)) return;
  LOG(INFO) << "server drains calls_in_flight="
            << parts_->dispatcher()->calls_in_flight();
  parts_->Drain();
}

bool CairnServer::AwaitIdle(absl::Duration timeout) {
  return parts_->dispatcher()->AwaitIdle(timeout);
}

void CairnServer::Shutdown() {
  Drain();
  absl::MutexLock lock(&mutex_);
  if (std::exchange(stopped_, true)) return;
  parts_->Shutdown();
  LOG(INFO) << "server stopped";
}

uint16_t CairnServer::port() const {
  return parts_->ports().empty() ? 0 : parts_->ports().front();
}

const std::vector<uint16_t>& CairnServer::ports() const {
  return parts_->ports();
}

uint16_t CairnServer::health_port() const { return parts_->health_port(); }

uint16_t CairnServer::metrics_port() const { return parts_->metrics_port(); }

MetricRegistry& CairnServer::metrics() { return *parts_->metrics(); }

}  // namespace cairn
