#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/digest.h"
#include "services/index/domain/list_rules.h"
#include "services/index/engine/list_walk.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Lists the snapshots of one query in one view. Made for one call: refers to
// its arguments. Not thread-safe.
class SnapshotLister {
 public:
  SnapshotLister(const IndexView& view, const Datastore& datastore,
                 const SnapshotQuery& query);

  absl::StatusOr<ListPage<Snapshot>> List(const PageRequest& page);

 private:
  // A walk over the snapshots' rows.
  absl::StatusOr<ListPage<Snapshot>> ListOldestFirst(const PageRequest& page);
  // A walk over the groups' rows, and back through the times of each.
  absl::StatusOr<ListPage<Snapshot>> ListNewestFirst(const PageRequest& page);

  absl::StatusOr<Visited<Snapshot>> Visit(const KvCursor& cursor);
  // Adds snapshots of the group older than `before`, newest first, until the
  // page is full.
  absl::Status AddNewestFirst(const std::string& group_key, int64_t before,
                              size_t page_size, ListPage<Snapshot>& page);
  bool Matches(const SnapshotRow& row) const;
  absl::StatusOr<std::string> OwnerOf(const std::string& group_key,
                                      const GroupName& name);

  const IndexView& view_;
  const Datastore& datastore_;
  const SnapshotQuery& query_;
  const int64_t not_before_;  // inclusive
  const int64_t before_;      // exclusive
  TreeQuery tree_;
  Digest digest_;  // of the query
  // Keys of groups; those of their snapshots are in the same range.
  std::string lower_;
  std::string upper_;
  size_t listed_bytes_ = 0;  // of rows, newest first
  // Of the group seen last.
  std::string owner_group_key_;
  std::string owner_;
};

}  // namespace cairn::index
