#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/io/file_system.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "services/cairnd/options.h"

namespace cairn::cairnd {

// FailedPrecondition: `data_dir` has packs and no database of index; names the
// command that rebuilds it.
absl::Status CheckIndexBesidePacks(const FileSystem& files,
                                   const std::string& data_dir);

// The whole suite in one process and one data directory, with the
// subdirectories that the services have alone: index, chunk_storage and
// maintenance are called by this process only and directly, ingest serves
// the public services in front of them; of maintenance tasks and jobs are
// served as well. The pointers outlive the services.
std::vector<std::unique_ptr<Service>> BuildServices(
    const Options* options, const ServerOptions* server);

}  // namespace cairn::cairnd
