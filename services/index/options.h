#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/config/settings.h"
#include "services/index/engine/index_engine.h"

namespace cairn::index {

// How index works, alone or in cairnd. The fields hold the defaults.
struct Options {
  // Of one datastore at one time; a session takes a few hundred bytes.
  int64_t max_open_sessions = 4096;
  int64_t max_datastores = 1000;
  // Pages told apart per datastore between two sweeps, about 32 bytes each.
  int64_t max_page_touches = 1 << 20;
  // Pages of the archives that are being restored.
  uint64_t page_cache_bytes = uint64_t{32} << 20;
  uint64_t block_cache_bytes = uint64_t{24} << 20;
  uint64_t write_buffer_bytes = uint64_t{16} << 20;
  // What a sweep or verify sorts in, each; what does not fit goes to files.
  uint64_t sweep_memory_bytes = uint64_t{64} << 20;
  // By which the clock may go on between two sweeps.
  absl::Duration max_clock_step = absl::Hours(24 * 7);
  // What RocksDB must have left on its disk.
  uint64_t reserve_bytes = uint64_t{128} << 20;
  uint64_t ballast_bytes = uint64_t{64} << 20;

  // InvalidArgument names the setting.
  absl::Status Validate() const;
  IndexEngine::Options Engine() const;
};

// `prefix` is put before each name: "" or "index-". `options` outlives
// `settings`.
void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options);

}  // namespace cairn::index
