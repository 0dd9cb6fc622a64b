#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/concurrency/executor.h"
#include "common/io/file_system.h"
#include "common/kv/kv_store.h"
#include "common/model/uuid.h"
#include "common/pack/pack_survey.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// What a rebuild found in the packs of one datastore.
struct RebuiltDatastore {
  StoredDatastore row;  // generation 0: the next index to ensure it is believed
  uint64_t packs = 0;
  uint64_t pack_bytes = 0;         // of files
  uint64_t packs_done_before = 0;  // by a rebuild that was cut short
  CountsByKind records{};          // with a place that is good
  uint64_t duplicate_records = 0;
  uint64_t damaged_copies = 0;  // records of packs that do not prove
  uint64_t lost_records = 0;    // of those, no copy proves
  // Where no record proves; the second: bytes that may have been records,
  // which nobody names.
  uint64_t damaged_bytes = 0;
  uint64_t unnamed_bytes = 0;
  std::vector<DamagedRecord> lost;  // the first kMaxListed
  std::vector<Uuid> unnamed_in;     // packs, the first kMaxListed
  std::vector<Uuid> foreign_packs;  // another datastore's; left alone
};

struct RebuildReport {
  static constexpr size_t kMaxListed = 1000;
  std::vector<RebuiltDatastore> datastores;

  // Whether something that was in the packs may not have come back.
  bool lost() const;
};

// Builds the rows of chunk_storage again from its packs alone: every pack is
// read (`depth` kPayloads: each record proved; kFooter: footers are believed,
// and damage shows when it is read), places go to the first copy that proves,
// packs with a footer first. A record with no such copy gets a bad place and a
// damage row: reads name it, and the next backup heals it. Sequence and epoch
// are the highest in any record.
//
// Idempotent, and resumable: each pack takes effect by one batch, and a pack
// that has its row is passed by. So `kv` is empty at first, and is handed in
// again after a kill. No other process may use `root`.
class StoreRebuild {
 public:
  // All outlive the rebuild.
  struct Dependencies {
    FileSystem* files = nullptr;
    KvStore* kv = nullptr;  // with the tables of PlaceStore::TableNames()
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    FatalErrorSink* fatal_errors = nullptr;
    Metrics* metrics = nullptr;
  };

  explicit StoreRebuild(const Dependencies& dependencies)
      : dependencies_(dependencies) {}

  // `root` is the directory of datastores. `former`: rows of the database that
  // is replaced, as far as it could be read; generation and token are taken
  // from them, because no record holds them. On OK all is synced.
  absl::StatusOr<RebuildReport> Run(std::string root, SurveyDepth depth,
                                    std::span<const StoredDatastore> former);

 private:
  const Dependencies dependencies_;
};

}  // namespace cairn::chunk_storage
