#include "services/chunk_storage/engine/store_rebuild.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/datastore_state.h"
#include "services/chunk_storage/engine/pack_recovery.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/repository_options.h"
#include "services/chunk_storage/engine/store_context.h"

namespace cairn::chunk_storage {
namespace {

// The rows of `datastores`, those that are there already first: a number that
// was given stays. Missing ones are added, durably.
absl::StatusOr<std::vector<StoredDatastore>> EnsureRows(
    const std::vector<Uuid>& datastores,
    std::span<const StoredDatastore> former, PlaceStore& places) {
  ASSIGN_OR_RETURN(const std::vector<StoredDatastore> present,
                   places.ListDatastores());
  absl::flat_hash_map<Uuid, StoredDatastore> by_uuid;
  uint32_t next_number = 1;
  for (const StoredDatastore& row : present) {
    by_uuid[row.ref.uuid] = row;
    next_number = std::max(next_number, row.number + 1);
  }
  absl::flat_hash_map<Uuid, StoredDatastore> known;
  for (const StoredDatastore& row : former) known[row.ref.uuid] = row;
  std::vector<StoredDatastore> rows;
  for (const Uuid& datastore : datastores) {
    const auto [it, fresh] =
        by_uuid.try_emplace(datastore, StoredDatastore{.ref = {datastore, 0}});
    StoredDatastore& row = it->second;
    if (fresh) row.number = next_number++;
    if (const auto old = known.find(datastore); old != known.end()) {
      row.ref.generation =
          std::max(row.ref.generation, old->second.ref.generation);
      row.token = std::max(row.token, old->second.token);
      row.sequence = std::max(row.sequence, old->second.sequence);
      row.highest_epoch =
          std::max(row.highest_epoch, old->second.highest_epoch);
    }
    RETURN_IF_ERROR(places.SaveDatastore(row));
    rows.push_back(row);
  }
  return rows;
}

// All from rows, so that a rebuild that was cut short reports the same.
absl::StatusOr<RebuiltDatastore> Describe(const StoredDatastore& row,
                                          const PlaceStore& places) {
  RebuiltDatastore result = {.row = row};
  ASSIGN_OR_RETURN(const std::vector<SealedPack> packs,
                   places.ListPacks(row.number));
  for (const SealedPack& pack : packs) {
    ++result.packs;
    result.pack_bytes += pack.file_bytes;
    result.duplicate_records += pack.duplicate_records;
    result.damaged_copies += pack.damaged_records;
    result.damaged_bytes += pack.damaged_bytes;
    result.unnamed_bytes += pack.unnamed_bytes;
    if (pack.unnamed_bytes > 0 &&
        result.unnamed_in.size() < RebuildReport::kMaxListed) {
      result.unnamed_in.push_back(pack.uuid);
    }
  }
  ASSIGN_OR_RETURN(result.records, places.CountPlaces(row.number));
  ASSIGN_OR_RETURN(result.lost_records, places.CountDamaged(row.number));
  ASSIGN_OR_RETURN(result.lost,
                   places.ListDamaged(row.number, RebuildReport::kMaxListed));
  return result;
}

// Reads every pack of the datastore that has no row.
absl::StatusOr<RebuiltDatastore> RebuildDatastore(const StoreContext* context,
                                                  const StoredDatastore& row,
                                                  SurveyDepth depth) {
  DatastoreState state(context, row);
  PlaceTable places(context, &state, row.number);
  PackSet packs(context, row.ref.uuid, &state, &places);
  ASSIGN_OR_RETURN(const std::vector<SealedPack> sealed,
                   context->places->ListPacks(row.number));
  ASSIGN_OR_RETURN(const std::vector<Uuid> files,
                   context->packs->ListPacks(row.ref.uuid));
  for (const SealedPack& pack : sealed) {
    if (pack.dead) continue;
    if (!std::binary_search(files.begin(), files.end(), pack.uuid)) {
      return absl::AbortedError(absl::StrCat(
          "pack ", pack.uuid.ToString(), " of datastore ",
          row.ref.uuid.ToString(), " has gone since its rows were rebuilt"));
    }
    packs.AddSealed(pack);
  }
  ASSIGN_OR_RETURN(const uint64_t damaged,
                   context->places->CountDamaged(row.number));
  places.SetDamagedCount(damaged);
  PackRecovery recovery({.depth = depth, .quarantine = true}, context,
                        row.ref.uuid, row.number, &packs, &places);
  RETURN_IF_ERROR(recovery.Run(sealed));
  // Synced: batches are lost only from the end, so all before it is too.
  RETURN_IF_ERROR(context->places->SaveDatastore(state.row()));
  ASSIGN_OR_RETURN(RebuiltDatastore result,
                   Describe(state.row(), *context->places));
  result.packs_done_before = sealed.size();
  result.foreign_packs = recovery.foreign();
  return result;
}

}  // namespace

bool RebuildReport::lost() const {
  return std::any_of(datastores.begin(), datastores.end(),
                     [](const RebuiltDatastore& datastore) {
                       return datastore.lost_records > 0 ||
                              datastore.unnamed_bytes > 0 ||
                              !datastore.foreign_packs.empty();
                     });
}

absl::StatusOr<RebuildReport> StoreRebuild::Run(
    std::string root, SurveyDepth depth,
    std::span<const StoredDatastore> former) {
  ASSIGN_OR_RETURN(const std::unique_ptr<PackStore> packs,
                   PackStore::Open(dependencies_.files, std::move(root)));
  PlaceStore places(dependencies_.kv);
  FatalLatch latch(dependencies_.fatal_errors);
  const RepositoryOptions options;
  SpaceGate gate(packs.get(), dependencies_.metrics, options.pack_bytes,
                 options.reserve_bytes);
  TaskTracker tasks(dependencies_.executor);
  const StoreContext context = {.options = options,
                                .packs = packs.get(),
                                .places = &places,
                                .clock = dependencies_.clock,
                                .executor = dependencies_.executor,
                                .tasks = &tasks,
                                .latch = &latch,
                                .gate = &gate,
                                .metrics = dependencies_.metrics,
                                // No pack is written.
                                .new_uuid = [] { return Uuid(); }};
  ASSIGN_OR_RETURN(std::vector<Uuid> directories, packs->ListDatastores());
  // One whose directory is lost is still a datastore of this store.
  for (const StoredDatastore& row : former) {
    if (!std::binary_search(directories.begin(), directories.end(),
                            row.ref.uuid)) {
      directories.insert(std::upper_bound(directories.begin(),
                                          directories.end(), row.ref.uuid),
                         row.ref.uuid);
    }
  }
  for (const Uuid& datastore : directories) {
    // One that was cut short while it was made has no directory of packs.
    RETURN_IF_ERROR(packs->CreateDatastore(datastore));
  }
  ASSIGN_OR_RETURN(const std::vector<StoredDatastore> rows,
                   EnsureRows(directories, former, places));
  RebuildReport report;
  for (const StoredDatastore& row : rows) {
    ASSIGN_OR_RETURN(RebuiltDatastore result,
                     RebuildDatastore(&context, row, depth));
    report.datastores.push_back(std::move(result));
  }
  return report;
}

}  // namespace cairn::chunk_storage
