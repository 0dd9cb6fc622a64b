#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/mark.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/domain/sweep_rule.h"
#include "services/chunk_storage/engine/mark_set.h"
#include "services/chunk_storage/engine/mark_sets.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/store_context.h"

namespace cairn::chunk_storage {

// Merges sorted marks with a walk over the places, which have the same order:
// costs one step a place and a mark, and two bits a record of memory.
class MarkSetBuilder {
 public:
  static constexpr uint64_t kMaxMissingNamed = 100'000;

  struct Built {
    std::shared_ptr<MarkSet> set;
    MarkSummary summary;
  };

  // All outlive the builder.
  MarkSetBuilder(const StoreContext* context, uint32_t datastore,
                 const PackSet* packs, const PlaceTable* places,
                 const MarkSets* sets)
      : context_(context),
        datastore_(datastore),
        packs_(packs),
        places_(places),
        sets_(sets) {}

  // `rule`: of the sweep that the set is for; none: nothing is droppable.
  // InvalidArgument: the marks are not in order. Else what the stream or the
  // rows come to; Cancelled with the call.
  absl::StatusOr<Built> Build(const Call& call, const MarkSetRef& ref,
                              const std::optional<SweepRule>& rule,
                              MarkStream& marks) const;

 private:
  const StoreContext* const context_;
  const uint32_t datastore_;
  const PackSet* const packs_;
  const PlaceTable* const places_;
  const MarkSets* const sets_;
};

}  // namespace cairn::chunk_storage
