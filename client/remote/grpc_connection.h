#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/remote/backup_remote.h"
#include "client/remote/catalog_remote.h"
#include "common/time/clock.h"

namespace cairn::client {

class RateLimiter;

// Which server, and how to prove who is asking.
struct ConnectionOptions {
  std::string server;       // "unix:/path", "host:port"
  std::string tls_ca_file;  // PEM files: all three or none
  std::string tls_cert_file;
  std::string tls_key_file;
  // Holds back the streams that carry contents; outlives the remotes. Null:
  // none are.
  RateLimiter* limiter = nullptr;
};

// Both remotes over one gRPC channel, which connects at the first call.
struct Remotes {
  std::unique_ptr<BackupRemote> backup;
  std::unique_ptr<CatalogRemote> catalog;
};

// `clock` and `interrupt` outlive the remotes. InvalidArgument: the server's
// address, or plaintext to another machine. NotFound, FailedPrecondition: TLS
// files.
absl::StatusOr<Remotes> ConnectByGrpc(const ConnectionOptions& options,
                                      const Clock* clock,
                                      const Interrupt* interrupt);

}  // namespace cairn::client
