#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn {

// Largest message in either direction: bulk frames are at most 1 MiB, chunks
// at most 4 MiB, and 64 KiB are for what is around them.
inline constexpr int kMaxMessageBytes = 4 * 1024 * 1024 + 64 * 1024;

struct ChannelOptions {
  // As ParseEndpoint reads it: "unix:/run/cairn/index.sock", "index:9441".
  std::string target;
  // PEM files; either all three or none. They are read again every minute,
  // so that a renewed certificate needs no restart.
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  // The name that the server's certificate must have, if not the host.
  std::string tls_server_name;
  // How long a connection may be silent before it is probed, and how long the
  // answer may take. Shorter than the idle timeout of common firewalls.
  absl::Duration keepalive_time = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
};

// A channel that connects when it is first used, and again after a loss.
// InvalidArgument: the target, plaintext off loopback, or part of the TLS
// files. FailedPrecondition: a TLS file cannot be used.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(
    const ChannelOptions& options);

}  // namespace cairn
