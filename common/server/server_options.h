#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/settings.h"
#include "common/log/log.h"
#include "common/rpc/endpoint.h"
#include "common/rpc/tls_files.h"

namespace cairn {

// How a process of the suite serves, whatever its services are. The fields
// hold the defaults.
struct ServerOptions {
  // Where all that the process owns is kept.
  std::string data_dir = "/var/lib/cairn";
  // Addresses as ParseEndpoint reads them, at most 16.
  std::vector<std::string> listen = {"127.0.0.1:9440"};
  TlsFiles tls;  // the names of files, or all empty
  // Users besides the own one and root that a unix socket accepts, as
  // clients. With one or more, the socket's mode is 0666 and not 0600.
  std::vector<std::string> allowed_uids;
  std::string metrics_listen;  // IP:PORT of /metrics, or empty
  // IP:PORT of a plaintext port that serves grpc.health.v1 only, or empty.
  std::string health_listen;
  std::string log_level = "info";
  std::string log_format = "auto";
  // How long a process that was asked to stop, and tells that it is not
  // ready, still begins new work: until who looks for its address has noticed.
  absl::Duration drain_delay = absl::ZeroDuration();
  // How long calls in flight may last after that. Below the 30 s after which
  // orchestrators kill.
  absl::Duration drain_timeout = absl::Seconds(25);
  absl::Duration default_deadline = absl::Seconds(60);
  // Streams at one time; each has a thread.
  int64_t max_streams = 64;
  // How much of them one client may hold, in percent; at least one stream.
  int64_t client_stream_share = 75;
  // How long a stream may be open before its first message. Clients send it
  // right away; so long a slow link takes at worst.
  absl::Duration first_message_timeout = absl::Seconds(30);
  int64_t max_unary_calls = 256;  // running or waiting for a thread
  int64_t rpc_threads = 16;       // threads for unary calls
  int64_t worker_threads = 8;     // threads of the engines' executor
  // What gRPC may hold for messages that are on their way.
  uint64_t rpc_memory_bytes = uint64_t{256} << 20;
  // After about so long a client connects anew, so that replicas share the
  // load; streams stay where they are. Zero: never.
  absl::Duration max_connection_age = absl::Minutes(30);

  // InvalidArgument or FailedPrecondition names the setting and what is
  // allowed.
  absl::Status Validate() const;

  // Of max_streams.
  int64_t MaxStreamsPerClient() const;

  absl::StatusOr<std::vector<Endpoint>> Endpoints() const;
  absl::StatusOr<std::vector<uint32_t>> AllowedUids() const;
  LogOptions Log(const std::string& service) const;
};

// Adds the settings of every server: --data-dir, --listen, ... `options`
// outlives `settings`.
void RegisterServerSettings(Settings& settings, ServerOptions* options);

}  // namespace cairn
