#include "services/index/options.h"

#include "absl/strings/str_cat.h"

namespace cairn::index {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

absl::Status Options::Validate() const {
  // Given back when the disk is full: it has to help then.
  if (ballast_bytes <= reserve_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("database-ballast is ", FormatByteSize(ballast_bytes),
                   ", at most database-reserve (",
                   FormatByteSize(reserve_bytes), ") is allowed"));
}

IndexEngine::Options Options::Engine() const {
  return {
      .datastores = {.max_datastores = static_cast<size_t>(max_datastores),
                     .max_page_touches = static_cast<size_t>(max_page_touches)},
      .sessions = {.max_open_sessions = static_cast<size_t>(max_open_sessions)},
      .archives = {.page_cache_bytes = static_cast<size_t>(page_cache_bytes)},
      .sweeps = {
          .start = {.max_clock_step = max_clock_step},
          .walk = {
              .chunk_memory_bytes = static_cast<size_t>(sweep_memory_bytes),
              .page_memory_bytes =
                  static_cast<size_t>(sweep_memory_bytes) / 4 * 3}}};
}

void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options) {
  settings.Add(prefix + "max-open-sessions", &options->max_open_sessions, 1,
               1'000'000, "sessions that one datastore may have open");
  settings.Add(prefix + "max-datastores", &options->max_datastores, 1, 100'000,
               "datastores that there may be");
  settings.Add(prefix + "max-page-touches", &options->max_page_touches, 1024,
               int64_t{1} << 32,
               "pages of a datastore that are told apart between two sweeps");
  settings.AddBytes(prefix + "page-cache", &options->page_cache_bytes, 0,
                    16 * kGiB, "memory for pages of archives being restored");
  settings.AddBytes(prefix + "sweep-memory", &options->sweep_memory_bytes, kMiB,
                    16 * kGiB, "memory to sort what a sweep marks");
  settings.Add(prefix + "max-clock-step", &options->max_clock_step,
               absl::Minutes(1), absl::Hours(24 * 3650),
               "by which the clock may go on between two sweeps");
  settings.AddBytes(prefix + "database-cache", &options->block_cache_bytes,
                    kMiB, 64 * kGiB, "block cache of the database");
  settings.AddBytes(prefix + "database-write-buffer",
                    &options->write_buffer_bytes, kMiB, kGiB,
                    "memory of the database for changes not yet in files");
  settings.AddBytes(prefix + "database-reserve", &options->reserve_bytes, kMiB,
                    64 * kGiB, "free space below which writes are refused");
  settings.AddBytes(prefix + "database-ballast", &options->ballast_bytes, 0,
                    64 * kGiB,
                    "space that is given back when the disk is full");
}

}  // namespace cairn::index
