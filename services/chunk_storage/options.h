#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/config/settings.h"
#include "services/chunk_storage/engine/repository_options.h"

namespace cairn::chunk_storage {

// How chunk_storage works, alone or in cairnd. The fields hold the defaults.
struct Options {
  RepositoryOptions repository;
  // Of RocksDB. The places of a million chunks are about 60 MB in it; what
  // is asked for again and again should fit.
  uint64_t block_cache_bytes = uint64_t{128} << 20;
  // A pack that is sealed writes up to 4 MB at once.
  uint64_t write_buffer_bytes = uint64_t{32} << 20;
  // What RocksDB must have left on its disk.
  uint64_t database_reserve_bytes = uint64_t{128} << 20;
  uint64_t ballast_bytes = uint64_t{64} << 20;

  // InvalidArgument names the setting.
  absl::Status Validate() const;
};

// `prefix` is put before each name: "" or "chunk-storage-". `options`
// outlives `settings`.
void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options);

}  // namespace cairn::chunk_storage
