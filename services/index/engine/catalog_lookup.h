#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "services/index/domain/rows.h"
#include "services/index/storage/index_store.h"

// Lookups that several engines share.
namespace cairn::index {

// NotFound unless it is the root namespace or one that exists.
absl::Status CheckNamespaceExists(const IndexView& view,
                                  const NamespaceName& name);

// NotFound: the snapshot is neither listed nor in trash.
absl::StatusOr<SnapshotRow> LoadSnapshot(const IndexView& view,
                                         const SnapshotName& name);
// The same as callers see it, with the owner of its group.
absl::StatusOr<Snapshot> LoadWholeSnapshot(const IndexView& view,
                                           const SnapshotName& name);

// NotFound (SESSION_NOT_FOUND).
absl::StatusOr<SessionRow> LoadSession(const IndexView& view,
                                       const SessionName& name);

// What callers see of a row. `owner`: of its group.
Snapshot ToSnapshot(const SnapshotName& name, const SnapshotRow& row,
                    const std::string& owner);

// What callers see of a session, without its archives.
Session ToSession(const Datastore& datastore, const Uuid& id,
                  const SessionRow& row, uint64_t fence);

}  // namespace cairn::index
