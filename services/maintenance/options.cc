#include "services/maintenance/options.h"

#include "absl/strings/str_cat.h"
#include "common/model/catalog.h"
#include "services/maintenance/domain/lease_rules.h"

namespace cairn::maintenance {
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

LeaseCoordinator::Options Options::Coordinator() const {
  return {.max_leases_per_datastore = static_cast<size_t>(max_leases),
          .default_ttl = default_lease_ttl};
}

CoordinatorRounds::Options Options::Rounds() const {
  CoordinatorRounds::Options rounds;
  rounds.period = round_period;
  return rounds;
}

TaskRegistry::Options Options::Tasks() const {
  TaskRegistry::Options tasks;
  tasks.retention = {.max_ended = static_cast<size_t>(max_kept_tasks),
                     .max_age = task_retention};
  return tasks;
}

TaskRunner::Options Options::Runner() const {
  return {.max_running = static_cast<size_t>(max_running_tasks)};
}

TaskWork::Options Options::Work() const {
  TaskWork::Options work;
  work.gc.live_percent = static_cast<uint32_t>(gc_live_percent);
  return work;
}

Pruner::Options Options::Prune() const {
  Pruner::Options prune;
  prune.trash_time = trash_time;
  return prune;
}

void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options) {
  settings.Add(prefix + "default-lease-ttl", &options->default_lease_ttl,
               kMinLeaseTtl, kMaxLeaseTtl,
               "how long a lease lasts that was asked for without a time");
  settings.Add(prefix + "max-leases", &options->max_leases, 1, 1'000'000,
               "leases that one datastore may have at one time");
  settings.Add(prefix + "round-period", &options->round_period,
               absl::Seconds(1), absl::Hours(1),
               "how often chunk storage is asked whether it knows the epoch");
  settings.Add(prefix + "max-running-tasks", &options->max_running_tasks, 1,
               100, "prunes, gcs and verifies that run at one time");
  settings.Add(prefix + "max-kept-tasks", &options->max_kept_tasks, 1, 100'000,
               "ended tasks of one datastore that are kept");
  settings.Add(prefix + "task-retention", &options->task_retention,
               absl::Hours(1), absl::Hours(24 * 3650),
               "how long ended tasks and their logs are kept");
  settings.Add(prefix + "trash-time", &options->trash_time,
               absl::ZeroDuration(), kMaxTrashTime,
               "how long what a prune forgets can be taken back, if the prune "
               "names no time");
  settings.Add(prefix + "gc-live-percent", &options->gc_live_percent, 1, 100,
               "a pack of which less is live is compacted, if the gc names no "
               "share");
  settings.AddBytes(prefix + "database-cache", &options->block_cache_bytes,
                    kMiB, 16 * kGiB, "block cache of the database");
  settings.AddBytes(prefix + "database-write-buffer",
                    &options->write_buffer_bytes, kMiB, kGiB,
                    "memory of the database for changes not yet in files");
  settings.AddBytes(prefix + "database-reserve", &options->reserve_bytes, kMiB,
                    64 * kGiB,
                    "free space below which new writers get no lease");
  settings.AddBytes(prefix + "database-ballast", &options->ballast_bytes, 0,
                    64 * kGiB,
                    "space that is given back when the disk is full");
}

void RegisterPeerSettings(Settings& settings, PeerOptions* options) {
  settings.Add("index", &options->index, "address of index");
  settings.Add("chunk-storage", &options->chunk_storage,
               "address of chunk storage");
}

}  // namespace cairn::maintenance
