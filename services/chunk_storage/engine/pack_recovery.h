#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_scanner.h"
#include "common/pack/pack_survey.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// Seals the packs that a former process left open, before the datastore
// answers any call. Each pack file without a sealed row is synced (what it
// holds may still be in the page cache only), read by its footer or by a
// scan, and sealed as it is: never truncated, never appended to again.
// Damage is skipped and counted. A footer is believed but for records that
// were found damaged before: those are read, and stay bad if they do not
// prove. The records of a sealed pack whose file is gone count as damaged.
class PackRecovery {
 public:
  // A rebuild recovers every pack, because the rows are lost.
  struct Options {
    SurveyDepth depth = SurveyDepth::kFooter;
    // Records that are named but do not prove become bad places with a damage
    // row, unless another copy proves; packs with a footer come first. A
    // recovery after a restart leaves them out: what was torn was never
    // promised.
    bool quarantine = false;
  };

  // All outlive the recovery.
  PackRecovery(const Options& options, const StoreContext* context,
               const Uuid& datastore, uint32_t datastore_number, PackSet* packs,
               PlaceTable* places)
      : options_(options),
        context_(context),
        datastore_(datastore),
        datastore_number_(datastore_number),
        packs_(packs),
        places_(places) {}

  // `sealed`: the packs with a row. An error of the disk or the PlaceStore
  // ends the recovery; what is damaged does not.
  absl::Status Run(const std::vector<SealedPack>& sealed);
  // Whether a pack is gone, or one that was recovered has damage in it: what
  // was told to be present may be lost. A torn end counts too, though nothing
  // in it was promised.
  bool found_loss() const { return found_loss_; }
  // Packs whose header names another datastore: they were left alone.
  const std::vector<Uuid>& foreign() const { return foreign_; }

 private:
  // The records of a pack, by ascending offset.
  struct Found {
    std::vector<PackEntry> entries;
    std::vector<bool> bad;  // one per entry: known not to prove
    bool proved = false;    // every payload was read
  };

  absl::Status RecoverPack(const Uuid& pack);
  // `packs` with those that have a footer before the others.
  absl::StatusOr<std::vector<Uuid>> FootersFirst(std::vector<Uuid> packs) const;
  Found EntriesOf(PackSurvey survey) const;
  // Which of the entries, whose keys are `keys`, do not prove.
  absl::StatusOr<std::vector<bool>> FindBad(const Found& found,
                                            const Uuid& pack,
                                            std::span<const RecordKey> keys,
                                            const PackRead& read) const;
  // The entries that become places: the first of each key that has no good
  // place yet, a good one rather than a bad one. A bad one replaces nothing.
  // Counts in `pack` what becomes none.
  absl::StatusOr<std::vector<PlacedRecord>> ChoosePlaces(const Found& found,
                                                         const PackRead& read,
                                                         SealedPack* pack);

  const Options options_;
  const StoreContext* const context_;
  const Uuid datastore_;
  const uint32_t datastore_number_;
  PackSet* const packs_;
  PlaceTable* const places_;
  std::vector<Uuid> foreign_;
  bool found_loss_ = false;
};

}  // namespace cairn::chunk_storage
