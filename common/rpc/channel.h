#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/metrics/rpc_metrics.h"
#include "common/rpc/tls_files.h"

namespace cairn {

// Largest message in either direction: bulk frames are at most 1 MiB, chunks
// at most 4 MiB, and 64 KiB are for what is around them.
inline constexpr int kMaxMessageBytes = 4 * 1024 * 1024 + 64 * 1024;

struct ChannelOptions {
  // As ParseEndpoint reads it: "unix:/run/cairn/index.sock", "index:9441".
  std::string target;
  // PEM files: none, or the authority, or all three. Without a certificate of
  // its own a client has to show a token. They are read again each second, so
  // that a renewed certificate needs no restart.
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  // The name that the server's certificate must have, if not the host.
  std::string tls_server_name;
  // The service of the suite that the server must be: "index". Its
  // certificate says so by the URI spiffe://cairn/service/index; if it has no
  // such URI at all, it must have the host's name. Empty: the name alone
  // counts.
  std::string tls_service;
  // Secret: shown to the server with each call, "authorization: Bearer ...".
  // Empty: none is.
  std::string bearer_token;
  // How long a connection may be silent before it is probed, and how long the
  // answer may take. Shorter than the idle timeout of common firewalls.
  absl::Duration keepalive_time = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // Counts the calls that ClientCall makes on the channel. Null: none.
  std::shared_ptr<const RpcMethodTable> methods = nullptr;
  // Calls that are made without ClientCall are steps of this request, as W3C
  // traceparent. Empty: they say nothing of one.
  std::string trace_parent = {};
};

// A channel that connects when it is first used, and again after a loss.
// InvalidArgument: the target, plaintext off loopback, or part of the TLS
// files. FailedPrecondition: a TLS file cannot be used.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(
    const ChannelOptions& options);

// A channel from one service of the suite to another, `service`, at `target`.
// Errors as above.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreatePeerChannel(
    const std::string& service, const std::string& target, const TlsFiles& tls,
    std::shared_ptr<const RpcMethodTable> methods);

}  // namespace cairn
