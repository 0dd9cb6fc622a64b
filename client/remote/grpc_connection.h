#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/remote/backup_remote.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/connection_options.h"
#include "common/time/clock.h"

namespace cairn::client {

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
