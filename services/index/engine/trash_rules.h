#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/model/catalog.h"
#include "services/index/engine/change_context.h"
#include "services/index/storage/index_store.h"

// The changes that move snapshots to trash and back: Check and Apply as in
// change_rules.h, and with the same meaning. Both also keep the counts.
namespace cairn::index {

// Leaves in the change what is listed or in trash: its event must say nothing
// of a snapshot that is published later.
absl::Status KeepKnown(const ChangeContext& context,
                       ForgetSnapshotsChange& change);

// FailedPrecondition (SNAPSHOT_PROTECTED), naming the first that is.
absl::Status Check(const ChangeContext& context,
                   const ForgetSnapshotsChange& change);
// NotFound (SNAPSHOT_GONE), naming the first that is.
absl::Status Check(const ChangeContext& context,
                   const UndeleteSnapshotsChange& change);
// InvalidArgument: nobody may ask for it.
absl::Status Check(const ChangeContext& context,
                   const SnapshotsGoneChange& change);

// One that was protected since the change was checked is passed over, as a
// replay does: protect wins, and the others are forgotten.
absl::Status Apply(const ChangeContext& context,
                   const ForgetSnapshotsChange& change, uint64_t sequence,
                   IndexBatch& batch);
absl::Status Apply(const ChangeContext& context,
                   const UndeleteSnapshotsChange& change, uint64_t sequence,
                   IndexBatch& batch);
absl::Status Apply(const ChangeContext& context,
                   const SnapshotsGoneChange& change, uint64_t sequence,
                   IndexBatch& batch);

}  // namespace cairn::index
