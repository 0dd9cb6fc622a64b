#include "tests/simulator/store_process.h"

#include <algorithm>

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/repository_options.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::simulator {
namespace {

constexpr char kRoot[] = "/data/datastores";

KvTable PlacesTable() {
  const auto names = chunk_storage::PlaceStore::TableNames();
  const auto found = std::find(names.begin(), names.end(), "places");
  CHECK(found != names.end());
  return static_cast<KvTable>(found - names.begin());
}

chunk_storage::RepositoryOptions SmallPacks() {
  chunk_storage::RepositoryOptions options;
  options.pack_bytes = 32 << 10;
  options.pack_records = 8;
  options.open_packs = 2;
  options.reserve_bytes = 0;
  options.read_window_bytes = 1 << 10;
  options.read_parallelism = 2;
  return options;
}

}  // namespace

StoreProcess::StoreProcess(Scheduler* scheduler, Network* network,
                           Verdict* verdict, chunk_storage::Metrics* metrics)
    : Process(scheduler, "chunk_storage"),
      network_(network),
      metrics_(metrics),
      files_(&disk_),
      kv_(chunk_storage::PlaceStore::TableNames().size()),
      watch_(&kv_, PlacesTable(), scheduler, verdict),
      random_(scheduler->random()()) {
  CHECK_OK(disk_.CreateDirectories(kRoot));
  CHECK_OK(disk_.SyncDirectory("/data"));
  CHECK_OK(disk_.SyncDirectory("/"));
}

absl::Status StoreProcess::Open() {
  const chunk_storage::ChunkRepository::Dependencies dependencies = {
      .files = &files_,
      .kv = &watch_,
      .database = "/data/db",
      .clock = this,
      .executor = &executor(),
      .random = random_,
      .fatal_errors = this,
      .metrics = metrics_};
  ASSIGN_OR_RETURN(repository_, chunk_storage::ChunkRepository::Open(
                                    SmallPacks(), dependencies, kRoot, life()));
  sweeper_ = std::make_unique<chunk_storage::StoreSweeper>(repository_.get());
  chunks_ = std::make_unique<LocalChunkClient>(repository_.get());
  sweeps_ = std::make_unique<LocalStoreSweepClient>(sweeper_.get());
  return absl::OkStatus();
}

void StoreProcess::Close() {
  streams_.Clear();
  sweeps_.reset();
  chunks_.reset();
  sweeper_.reset();
  repository_.reset();
}

void StoreProcess::Freeze() {
  const absl::Status dead = absl::UnavailableError("chunk_storage is dead");
  files_.FailAllAfter(0, dead);
  kv_.FailCommitsFrom(1, dead);
}

void StoreProcess::Thaw(bool power_cut) {
  if (power_cut) {
    kv_.PowerCut(scheduler().random());
    if (scheduler().Chance(0.3)) {
      disk_.PowerCutLosingAll();
    } else {
      disk_.PowerCut(scheduler().random());
    }
  }
  files_.Recover();
  kv_.Recover();
}

}  // namespace cairn::simulator
