#include "services/cairnd/options.h"

#include "common/status/status_macros.h"

namespace cairn::cairnd {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

Options::Options() {
  ingest.holder = "cairnd";
  ingest.write_memory_bytes = 64 * kMiB;
  ingest.write_stream_memory_bytes = 24 * kMiB;
  ingest.read_memory_bytes = 48 * kMiB;
  chunk_storage.touch_memory_bytes = 32 * kMiB;
}

absl::Status Options::Validate() const {
  RETURN_IF_ERROR(ingest.Validate());
  return chunk_storage.Validate();
}

void RegisterSettings(Settings& settings, Options* options) {
  ingest::RegisterSettings(settings, "ingest-", &options->ingest);
  settings.AddBytes("chunk-storage-pack-size",
                    &options->chunk_storage.pack_bytes, kMiB, 4 * kGiB,
                    "size at which a pack is sealed");
  settings.AddBytes("chunk-storage-reserve",
                    &options->chunk_storage.reserve_bytes, 0, 1024 * kGiB,
                    "free space that writes leave beside one whole pack");
  settings.AddBytes("chunk-storage-touch-memory",
                    &options->chunk_storage.touch_memory_bytes, kMiB, 64 * kGiB,
                    "memory for the touches of each datastore's records");
  settings.AddBytes("chunk-storage-read-window",
                    &options->chunk_storage.read_window_bytes, kMiB, kGiB,
                    "bytes that one read fetches ahead");
  settings.AddBytes("database-cache", &options->database_cache_bytes, kMiB,
                    64 * kGiB, "block cache of each of the three databases");
  settings.AddBytes("database-write-buffer",
                    &options->database_write_buffer_bytes, kMiB, kGiB,
                    "write buffers of each of the three databases");
}

}  // namespace cairn::cairnd
