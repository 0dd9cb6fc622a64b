#include "common/server/server_options.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr size_t kMaxListen = 16;
constexpr size_t kMaxAllowedUids = 64;

}  // namespace

absl::StatusOr<std::vector<Endpoint>> ServerOptions::Endpoints() const {
  if (listen.empty() || listen.size() > kMaxListen) {
    return absl::InvalidArgumentError(
        absl::StrCat("setting listen has ", listen.size(),
                     " addresses, allowed are 1 to ", kMaxListen));
  }
  std::vector<Endpoint> endpoints;
  for (const std::string& address : listen) {
    absl::StatusOr<Endpoint> endpoint = ParseEndpoint(address, !tls.empty());
    if (!endpoint.ok()) return WithContext(endpoint.status(), "setting listen");
    endpoints.push_back(*std::move(endpoint));
  }
  return endpoints;
}

absl::StatusOr<std::vector<uint32_t>> ServerOptions::AllowedUids() const {
  if (allowed_uids.size() > kMaxAllowedUids) {
    return absl::InvalidArgumentError(
        absl::StrCat("setting allowed-uids has ", allowed_uids.size(),
                     " entries, allowed are ", kMaxAllowedUids));
  }
  std::vector<uint32_t> uids;
  for (const std::string& text : allowed_uids) {
    uint32_t uid = 0;
    if (!absl::SimpleAtoi(text, &uid)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "setting allowed-uids: \"", text, "\" is no number of a user"));
    }
    uids.push_back(uid);
  }
  return uids;
}

int64_t ServerOptions::MaxStreamsPerClient() const {
  return std::max<int64_t>(1, max_streams * client_stream_share / 100);
}

absl::Status ServerOptions::Validate() const {
  if (data_dir.empty()) {
    return absl::InvalidArgumentError("setting data-dir is empty");
  }
  if (!tls.empty()) RETURN_IF_ERROR(CheckTlsFiles(tls));
  RETURN_IF_ERROR(Endpoints().status());
  RETURN_IF_ERROR(AllowedUids().status());
  if (!ParseLogLevel(log_level).has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("setting log-level is \"", log_level,
                     "\", allowed are debug, info, warning and error"));
  }
  if (log_format != "auto" && log_format != "json" && log_format != "text") {
    return absl::InvalidArgumentError(
        absl::StrCat("setting log-format is \"", log_format,
                     "\", allowed are auto, json and text"));
  }
  return absl::OkStatus();
}

LogOptions ServerOptions::Log(const std::string& service) const {
  LogOptions log;
  log.service = service;
  log.level = ParseLogLevel(log_level).value_or(LogLevel::kInfo);
  if (log_format == "json") log.format = LogFormat::kJson;
  if (log_format == "text") log.format = LogFormat::kText;
  return log;
}

void RegisterServerSettings(Settings& settings, ServerOptions* options) {
  settings.Add("data-dir", &options->data_dir,
               "directory of all that the process owns");
  settings.Add("listen", &options->listen,
               "addresses: unix:/path, host:port, tls:host:port or "
               "plaintext:host:port; plaintext on loopback only");
  settings.Add("tls-ca-file", &options->tls.ca,
               "PEM file of whom to trust in mutual TLS; this and the next two "
               "files are read again when they change");
  settings.Add("tls-cert-file", &options->tls.cert,
               "PEM file of the own certificate chain");
  settings.Add("tls-key-file", &options->tls.key,
               "PEM file of the own private key");
  settings.Add("allowed-uids", &options->allowed_uids,
               "users besides the own one and root that unix sockets accept, "
               "as clients");
  settings.Add("metrics-listen", &options->metrics_listen,
               "IP:PORT that serves /metrics; empty: none");
  settings.Add("health-listen", &options->health_listen,
               "IP:PORT that serves grpc.health.v1 alone, in plaintext; "
               "empty: none");
  settings.Add("log-level", &options->log_level,
               "lowest level that is logged: debug, info, warning or error",
               TakesEffect::kReload);
  settings.Add("log-format", &options->log_format,
               "json, text, or auto: text on a terminal");
  settings.Add("drain-delay", &options->drain_delay, absl::ZeroDuration(),
               absl::Hours(1),
               "how long a process that is asked to stop, and tells that it is "
               "not ready, still begins new work: until load balancers have "
               "noticed",
               TakesEffect::kReload);
  settings.Add("drain-timeout", &options->drain_timeout, absl::ZeroDuration(),
               absl::Hours(24),
               "how long calls in flight may last after drain-delay; the two "
               "together stay below what an orchestrator waits before it "
               "kills",
               TakesEffect::kReload);
  settings.Add("default-deadline", &options->default_deadline,
               absl::Milliseconds(1), absl::Hours(24),
               "deadline of unary calls whose client sets none");
  settings.Add("max-streams", &options->max_streams, 1, 1024,
               "streaming calls at one time, each with a thread",
               TakesEffect::kReload);
  settings.Add("client-stream-share", &options->client_stream_share, 1, 100,
               "percent of max-streams that one client may hold; "
               "administrators and services may hold all",
               TakesEffect::kReload);
  settings.Add("first-message-timeout", &options->first_message_timeout,
               absl::Milliseconds(1), absl::Hours(1),
               "how long a stream may be open without sending anything");
  settings.Add("max-unary-calls", &options->max_unary_calls, 1, 65536,
               "unary calls at one time, running or waiting",
               TakesEffect::kReload);
  settings.Add("rpc-threads", &options->rpc_threads, 1, 1024,
               "threads for unary calls");
  settings.Add("worker-threads", &options->worker_threads, 1, 1024,
               "threads for work behind the calls");
  settings.AddBytes("rpc-memory-bytes", &options->rpc_memory_bytes,
                    uint64_t{16} << 20, uint64_t{64} << 30,
                    "what gRPC may hold for messages on their way");
  settings.Add("max-connection-age", &options->max_connection_age,
               absl::ZeroDuration(), absl::Hours(24),
               "after which a client is told to connect anew, so that replicas "
               "share the load; calls in flight stay where they are; 0: "
               "never");
}

}  // namespace cairn
