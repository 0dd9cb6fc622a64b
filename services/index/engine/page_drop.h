#pragma once

#include <cstdint>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/sweep.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Drops rows of pages that a sweep has not marked. A walk along the pages of
// its view beside its marks says which; whether one goes is decided when it
// goes, alone under the gate, which every session that stores pages holds:
// its touch is below the cut, and no higher token was seen. So a page that
// was promised to a session meanwhile stays, and one that is promised later
// is found missing, and stored. Thread-safe.
class PageDrop {
 public:
  // Both outlive the object.
  PageDrop(IndexStore* store, IndexMetrics* metrics)
      : store_(store), metrics_(metrics) {}

  // Looks at the next `max_pages`. With `dry_run` it counts what would go.
  // Another dry_run than in the call before starts anew.
  absl::StatusOr<DroppedPages> Drop(Sweep& sweep, uint32_t max_pages,
                                    bool dry_run);

 private:
  struct Unmarked {
    Digest page;
    uint64_t bytes = 0;
  };

  absl::Status DropUnmarked(Sweep& sweep, std::span<const Unmarked> pages,
                            bool dry_run, DroppedPages& answer);

  IndexStore* const store_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
