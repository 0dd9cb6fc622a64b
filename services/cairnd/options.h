#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/config/settings.h"
#include "services/chunk_storage/options.h"
#include "services/index/options.h"
#include "services/ingest/options.h"
#include "services/maintenance/options.h"

namespace cairn::cairnd {

// What the four services of one process are set to. The fields hold the
// defaults, which differ from those of the services alone only in memory:
// all four together stay within what one of them has.
struct Options {
  Options();

  index::Options index;
  chunk_storage::Options chunk_storage;
  maintenance::Options maintenance;
  ingest::Options ingest;

  // `max_streams`: as many as the process serves at one time. InvalidArgument
  // names the setting.
  absl::Status Validate(int64_t max_streams) const;
};

// The settings of each service, with its name before theirs: --index-...,
// --chunk-storage-..., --maintenance-..., --ingest-... `options` outlives
// `settings`.
void RegisterSettings(Settings& settings, Options* options);

}  // namespace cairn::cairnd
