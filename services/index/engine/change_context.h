#pragma once

#include "absl/time/time.h"
#include "common/model/call.h"
#include "services/index/domain/rows.h"
#include "services/index/engine/datastore_state.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// What the rules of catalog changes see and leave behind.
struct ChangeContext {
  const Call& call;
  const DatastoreState& state;
  const IndexView& view;
  absl::Time now;
  // As the change leaves the numbers: made durable in its batch.
  IndexState& numbers;
};

}  // namespace cairn::index
