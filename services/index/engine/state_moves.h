#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/model/names.h"
#include "common/model/uuid.h"
#include "services/index/domain/rows.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Changes of rows of snapshots within one batch, and what follows from them:
// the counts of the datastore and of the groups, and the newest listed time of
// each group. Under the datastore's gate. Not thread-safe.
class StateMoves {
 public:
  // `view` is of before the batch; all outlive this.
  StateMoves(const IndexView* view, const Uuid& datastore, IndexState* numbers,
             IndexBatch* batch)
      : view_(*view),
        datastore_(datastore),
        numbers_(*numbers),
        batch_(*batch) {}

  // Puts `after` in the place of `before`. Each name at most once.
  void Move(const SnapshotName& name, const SnapshotRow& before,
            const SnapshotRow& after);

  // Puts the rows of the groups, once, after all moves; and the numbers are
  // left to whoever commits the batch.
  absl::Status Finish();

 private:
  // By time: whether it is listed after the batch, where that has changed.
  using Moved = std::map<int64_t, bool>;

  absl::Status FinishGroup(const GroupName& name, const Moved& moved);
  // 0: none is listed.
  absl::StatusOr<int64_t> NewestListed(const GroupName& name,
                                       const Moved& moved,
                                       int64_t newest) const;

  const IndexView& view_;
  const Uuid datastore_;
  IndexState& numbers_;
  IndexBatch& batch_;
  std::map<GroupName, Moved> groups_;
};

}  // namespace cairn::index
