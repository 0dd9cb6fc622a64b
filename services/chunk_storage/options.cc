#include "services/chunk_storage/options.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

absl::Status Options::Validate() const {
  RETURN_IF_ERROR(repository.Validate());
  // Given back when the disk is full: it has to help then.
  if (ballast_bytes <= database_reserve_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("database-ballast is ", FormatByteSize(ballast_bytes),
                   ", at most database-reserve (",
                   FormatByteSize(database_reserve_bytes), ") is allowed"));
}

void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options) {
  RepositoryOptions& repository = options->repository;
  settings.AddBytes(prefix + "pack-size", &repository.pack_bytes, kMiB,
                    4 * kGiB, "size at which a pack is sealed");
  settings.AddBytes(prefix + "reserve", &repository.reserve_bytes, 0,
                    1024 * kGiB,
                    "free space that writes leave beside one whole pack");
  settings.AddBytes(prefix + "touch-memory", &repository.touch_memory_bytes,
                    kMiB, 64 * kGiB,
                    "memory for the touches of each datastore's records");
  settings.AddBytes(prefix + "read-window", &repository.read_window_bytes, kMiB,
                    kGiB, "bytes that one read fetches ahead");
  settings.AddBytes(prefix + "database-cache", &options->block_cache_bytes,
                    kMiB, 64 * kGiB, "block cache of the database");
  settings.AddBytes(prefix + "database-write-buffer",
                    &options->write_buffer_bytes, kMiB, kGiB,
                    "memory of the database for changes not yet in files");
  settings.AddBytes(prefix + "database-reserve",
                    &options->database_reserve_bytes, kMiB, 64 * kGiB,
                    "free space below which the database takes no more");
  settings.AddBytes(prefix + "database-ballast", &options->ballast_bytes, 0,
                    64 * kGiB,
                    "space that is given back when the disk is full");
}

}  // namespace cairn::chunk_storage
