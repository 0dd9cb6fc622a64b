#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/server/offline_command.h"
#include "common/server/server_options.h"
#include "common/status/fatal_error.h"
#include "services/index/engine/index_rebuild.h"
#include "services/index/options.h"

namespace cairn::index {

struct RebuildResult {
  IndexRebuildReport report;
  // Where the database that was replaced is now; empty: there was none.
  std::string former;
};

// Builds `data_dir`/index/db again from the packs below `packs` (each as
// PackDirectory::Open takes it; empty: those of `data_dir`). Takes the
// directory's lock. Cut short at any point it leaves the old database or the
// new one (storage/rebuilt_database.h). A run after that begins anew: packs
// are only read, so nothing but time is lost by it.
//
// FailedPrecondition: the database holds datastores and `replace` is not set,
// or cannot be read and it is not; another process holds the directory; there
// are no packs.
absl::StatusOr<RebuildResult> RebuildDatabase(
    const Options& options, const std::string& data_dir,
    const std::vector<std::string>& packs, bool replace,
    FatalErrorSink* fatal_errors);

// `cairn-index rebuild`. Both outlive the command.
OfflineCommand RebuildCommand(const Options* options,
                              const ServerOptions* server);

}  // namespace cairn::index
