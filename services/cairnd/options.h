#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/config/settings.h"
#include "services/chunk_storage/engine/repository_options.h"
#include "services/ingest/options.h"

namespace cairn::cairnd {

// What the four engines of one process are set to. The fields hold the
// defaults, which keep the process below 256 MiB.
struct Options {
  Options();

  ingest::Options ingest;
  chunk_storage::RepositoryOptions chunk_storage;
  // Of each of the three databases.
  uint64_t database_cache_bytes = uint64_t{12} << 20;
  uint64_t database_write_buffer_bytes = uint64_t{8} << 20;

  // InvalidArgument names the setting.
  absl::Status Validate() const;
};

// `options` outlives `settings`.
void RegisterSettings(Settings& settings, Options* options);

}  // namespace cairn::cairnd
