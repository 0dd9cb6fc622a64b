#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/catalog/catalog_replay.h"
#include "common/kv/kv_store.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "common/pack/pack_directory.h"
#include "common/time/clock.h"
#include "services/index/domain/rows.h"
#include "services/index/engine/page_rebuild.h"

namespace cairn::index {

// A datastore as the database that is replaced knows it.
struct FormerDatastore {
  Datastore info;
  IndexState numbers;
};

// An archive of a listed snapshot that misses chunks.
struct LostArchive {
  static constexpr size_t kMaxRanges = 64;
  ArchiveName name;
  uint64_t lost_bytes = 0;
  uint64_t range_count = 0;
  std::vector<LostRange> ranges;  // the first
};

struct RebuiltDatastore {
  Datastore info;
  // Of the records. Other than info.name if that one was taken, or empty if
  // no record names the datastore.
  std::string recorded_name;
  uint64_t highest_sequence = 0;
  uint64_t namespaces = 0;
  uint64_t groups = 0;
  uint64_t snapshots = 0;  // listed
  uint64_t logical_bytes = 0;
  uint64_t trash = 0;  // snapshots in trash
  uint64_t trash_bytes = 0;
  uint64_t cancelled = 0;  // manifests whose publish was refused: not listed
  PageRebuild::Found pages;
  // Neither listed nor cancelled; the first of them.
  uint64_t passed_over_count = 0;
  std::vector<PassedOver> passed_over;
  // Listed, and marked as failed to verify.
  uint64_t damaged_snapshots = 0;
  uint64_t lost_archive_count = 0;
  std::vector<LostArchive> lost;  // the first
};

struct IndexRebuildReport {
  static constexpr size_t kMaxListed = 1000;
  std::vector<RebuiltDatastore> datastores;
  // Metadata that does not prove or decode, and packs of which nobody knows
  // whose they are; the first of them.
  uint64_t damage_count = 0;
  std::vector<PackDamage> damage;

  // Whether something that was in the packs may not have come back.
  bool lost() const;
};

// Builds the rows of index from packs alone. Everything that can be listed
// again is, marked as recovered; sessions are not: what they had not published
// is gone, and the fence is above every epoch in the packs. The generation is
// one above every one seen, so that nothing of the former index is taken for
// something of this one.
class IndexRebuild {
 public:
  // All outlive the rebuild.
  struct Dependencies {
    const std::vector<PackDirectory>* packs = nullptr;
    KvStore* index = nullptr;    // empty, with TableNames()
    KvStore* scratch = nullptr;  // empty, with ScratchTableNames()
    const Clock* clock = nullptr;
  };

  static std::vector<std::string> ScratchTableNames() {
    return PageRebuild::ScratchTableNames();
  }

  explicit IndexRebuild(const Dependencies& dependencies)
      : dependencies_(dependencies),
        store_(dependencies.index),
        pages_(dependencies.packs, dependencies.index, dependencies.scratch) {}

  // Once. On OK all is synced. `former`: generation, token and fence go on
  // from them. FailedPrecondition: there are no packs of any datastore.
  absl::StatusOr<IndexRebuildReport> Run(
      std::span<const FormerDatastore> former);

 private:
  void AddDamage(const PackDamage& damage);
  absl::Status ReadCatalogs();
  absl::Status TakeRecord(const PackPath& path, const PackEntry& entry,
                          const Record& record);
  void NoteEntry(const PackPath& path, const PackEntry& entry);
  void Name(std::map<Uuid, ReplayedCatalog>& catalogs,
            std::span<const FormerDatastore> former);
  absl::Status Write(RebuiltDatastore& rebuilt, const ReplayedCatalog& catalog,
                     const FormerDatastore* former);
  absl::Status WriteSnapshot(const SnapshotName& name,
                             const ReplayedSnapshot& snapshot,
                             RebuiltDatastore& rebuilt, IndexBatch& batch);
  absl::StatusOr<bool> FindLost(const SnapshotName& name,
                                const Manifest& manifest,
                                RebuiltDatastore& rebuilt);

  const Dependencies dependencies_;
  IndexStore store_;
  PageRebuild pages_;
  IndexRebuildReport report_;
  std::map<Uuid, CatalogReplay> replays_;
  // Also of records that do not prove.
  std::map<Uuid, uint64_t> highest_sequence_;
};

}  // namespace cairn::index
