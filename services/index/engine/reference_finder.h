#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/mark.h"
#include "common/page/page.h"
#include "services/index/client/sweep_client.h"
#include "services/index/domain/rows.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/mark_block.h"

namespace cairn::index {

// Finds what archives of one view lose by records that cannot be had. A page
// below which there is none of them is remembered, as far as memory allows,
// so that what archives share is read once; a page that itself cannot be read
// or proved is such a loss too. Not thread-safe.
class ReferenceFinder {
 public:
  using Tick = absl::FunctionRef<absl::Status()>;

  // InvalidArgument: too many records, or too many ranges, or none. `view`
  // outlives the finder; `tick` is called for each page, and not OK ends it.
  static absl::StatusOr<ReferenceFinder> Create(
      const IndexView* view, const std::vector<MarkRun>& records,
      uint32_t max_ranges, Tick tick);

  // Whether the snapshot refers to any, and which bytes of it are lost.
  absl::StatusOr<bool> Find(const SnapshotRow& row, DamagedSnapshot& damaged);

 private:
  ReferenceFinder(const IndexView* view, uint32_t max_ranges, Tick tick)
      : view_(view), max_ranges_(max_ranges), tick_(tick) {}

  bool IsLost(RecordKind kind, const Domain& domain,
              const Digest& digest) const {
    return lost_.contains(MarkKey(kind, domain, MarkPrefix(digest)));
  }
  bool IsKnownWhole(uint32_t level, const Digest& page) const;
  void RememberWhole(uint32_t level, const Digest& page);
  // Adds what is lost of a page whose first byte is at `offset`; false: all
  // of it is. Recurses once a level.
  absl::StatusOr<bool> Visit(uint32_t level, const PageChild& expected,
                             uint64_t offset, const std::string& archive,
                             DamagedSnapshot& damaged);
  void AddLoss(const std::string& archive, uint64_t offset, uint64_t length,
               uint64_t hole_bytes, DamagedSnapshot& damaged);

  const IndexView* view_;
  uint32_t max_ranges_;
  Tick tick_;
  absl::flat_hash_set<MarkKey> lost_;
  absl::flat_hash_set<Digest> whole_leaves_;
  absl::flat_hash_set<Digest> whole_inner_;
};

}  // namespace cairn::index
