#include "services/maintenance/options.h"

#include "absl/strings/str_cat.h"
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
