#include "services/cairnd/options.h"

#include "common/status/status_macros.h"

namespace cairn::cairnd {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

}  // namespace

Options::Options() {
  index.page_cache_bytes = 8 * kMiB;
  index.block_cache_bytes = 8 * kMiB;
  index.write_buffer_bytes = 8 * kMiB;
  index.sweep_memory_bytes = 32 * kMiB;
  chunk_storage.block_cache_bytes = 24 * kMiB;
  chunk_storage.write_buffer_bytes = 8 * kMiB;
  chunk_storage.repository.touch_memory_bytes = 16 * kMiB;
  // Of each read at one time; ingest holds what is decoded.
  chunk_storage.repository.read_window_bytes = 4 * kMiB;
  ingest.holder = "cairnd";
  ingest.write_memory_bytes = 64 * kMiB;
  ingest.write_stream_memory_bytes = 24 * kMiB;
  ingest.read_memory_bytes = 48 * kMiB;
}

absl::Status Options::Validate(int64_t max_streams) const {
  RETURN_IF_ERROR(index.Validate());
  RETURN_IF_ERROR(chunk_storage.Validate());
  RETURN_IF_ERROR(maintenance.Validate());
  return ingest.Validate(max_streams);
}

void RegisterSettings(Settings& settings, Options* options) {
  index::RegisterSettings(settings, "index-", &options->index);
  chunk_storage::RegisterSettings(settings, "chunk-storage-",
                                  &options->chunk_storage);
  maintenance::RegisterSettings(settings, "maintenance-",
                                &options->maintenance);
  ingest::RegisterSettings(settings, "ingest-", &options->ingest);
}

}  // namespace cairn::cairnd
