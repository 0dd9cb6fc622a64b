#pragma once

#include <cstdint>

#include "common/model/uuid.h"
#include "services/chunk_storage/engine/mark_sets.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/store_context.h"

namespace cairn::chunk_storage {

// What works on the packs of one datastore. All outlive the work.
struct SweepParts {
  const StoreContext* context = nullptr;
  Uuid datastore;
  uint32_t number = 0;  // of the datastore
  PackSet* packs = nullptr;
  PlaceTable* places = nullptr;
  MarkSets* sets = nullptr;
};

}  // namespace cairn::chunk_storage
