#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// Cancelled with the call's token.
absl::Status CheckCancelled(const Call& call);

// Which records have their place in a sealed pack: those that its footer names
// and that are found there. A pack without a footer, or whose footer names
// fewer than its row counts, is looked for in all places. So a pack in whose
// list nothing is left is one that no place is in. Thread-safe.
class PackListing {
 public:
  // Records that are listed at one time, but for a single pack.
  static constexpr uint64_t kGroupRecords = uint64_t{1} << 17;

  // All outlive the listing.
  PackListing(const StoreContext* context, uint32_t datastore,
              const PackSet* packs)
      : context_(context), datastore_(datastore), packs_(packs) {}

  // By ascending offset, one list for each pack. A place is as its row says:
  // a newer one in a pack that is not sealed does not count.
  absl::StatusOr<std::vector<std::vector<PlacedRecord>>> List(
      const Call& call, std::span<const SealedPack> packs) const;

  // How many of `packs`, from the first, make a group; at least one.
  static size_t GroupSize(std::span<const SealedPack> packs);

 private:
  absl::StatusOr<std::vector<PlacedRecord>> ListByFooter(
      const SealedPack& pack) const;
  absl::Status ListByPlaces(
      const Call& call, std::span<const SealedPack> packs,
      const std::vector<size_t>& wanted,
      std::vector<std::vector<PlacedRecord>>& lists) const;

  const StoreContext* const context_;
  const uint32_t datastore_;
  const PackSet* const packs_;
};

}  // namespace cairn::chunk_storage
