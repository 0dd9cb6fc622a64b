#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/model/catalog.h"
#include "services/index/engine/change_context.h"
#include "services/index/storage/index_store.h"

// One kind of catalog change each: Check says whether it may be made now,
// Apply adds what it changes to `batch`, or nothing if a change with a higher
// number was there first. Both run under the datastore's gate. There is no
// CreateDatastore: it has no datastore yet. What moves snapshots to trash and
// back is in trash_rules.h.
namespace cairn::index {

// Names the manifest that the session has prepared, where the change names
// none (zero). NotFound: it has prepared none.
absl::Status NameManifest(const ChangeContext& context,
                          RefusedPublishChange& change);

absl::Status Check(const ChangeContext& context,
                   const CreateNamespaceChange& change)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate);
absl::Status Check(const ChangeContext& context,
                   const DeleteNamespaceChange& change)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate);
absl::Status Check(const ChangeContext& context,
                   const UpdateGroupChange& change);
// FailedPrecondition: it changes the protection of a snapshot in trash.
absl::Status Check(const ChangeContext& context,
                   const UpdateSnapshotChange& change);
absl::Status Check(const ChangeContext& context,
                   const RefusedPublishChange& change);

absl::Status Apply(const ChangeContext& context,
                   const CreateNamespaceChange& change, uint64_t sequence,
                   IndexBatch& batch)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate);
absl::Status Apply(const ChangeContext& context,
                   const DeleteNamespaceChange& change, uint64_t sequence,
                   IndexBatch& batch)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate);
absl::Status Apply(const ChangeContext& context,
                   const UpdateGroupChange& change, uint64_t sequence,
                   IndexBatch& batch);
// A protection that was checked while the snapshot was listed lists it again.
absl::Status Apply(const ChangeContext& context,
                   const UpdateSnapshotChange& change, uint64_t sequence,
                   IndexBatch& batch);
// Ends the session if it is open, and notes the event that cancels its
// manifest, unless `sequence` is 0: then there is none yet.
// FailedPrecondition (SESSION_ENDED): published.
absl::Status Apply(const ChangeContext& context,
                   const RefusedPublishChange& change, uint64_t sequence,
                   IndexBatch& batch);

}  // namespace cairn::index
