#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/session.h"
#include "common/page/page.h"
#include "common/page/page_tree_builder.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

inline constexpr size_t kMaxPagesPerCall = 64;
inline constexpr size_t kMaxPageBytesPerCall = size_t{4} << 20;
// Builder states of one session together, so that GetSession can tell them
// in one message.
inline constexpr size_t kMaxBuilderBytesPerSession = size_t{3} << 20;

// Stores what a running session writes: pages and checkpoints. Behind the
// fence: what a fenced session sends changes nothing. Thread-safe.
class SessionPages {
 public:
  // All outlive the object. `incarnation` is not 0, and higher at each start.
  SessionPages(IndexStore* store, const DatastoreRegistry* datastores,
               uint64_t incarnation, IndexMetrics* metrics)
      : store_(store),
        datastores_(datastores),
        incarnation_(incarnation),
        metrics_(metrics) {}

  // Gives the incarnation.
  absl::StatusOr<uint64_t> PutPages(const SessionRef& session,
                                    const std::vector<EncodedPage>& pages);
  // Errors as CheckCheckpoint. FailedPrecondition also: a publish of the
  // session was prepared, so its archives are final; `incarnation` is neither
  // 0 nor that of this start (INCARNATION_CHANGED).
  absl::Status SaveCheckpoint(const SessionRef& session,
                              const ArchiveCheckpoint& checkpoint,
                              uint64_t incarnation);

 private:
  // Nothing of a session whose epoch is below the fence passes here.
  absl::StatusOr<SessionRow> CheckWritable(const DatastoreState& state,
                                           const IndexView& view,
                                           const SessionRef& session) const
      ABSL_SHARED_LOCKS_REQUIRED(state.gate);
  // Whether the children of `pages` are stored and are what `pages` say.
  absl::Status CheckChildren(const Uuid& datastore,
                             const std::vector<EncodedPage>& pages,
                             const std::vector<Page>& decoded) const;
  absl::Status CheckRoot(const Uuid& datastore, const PageRoot& root) const;
  absl::Status CheckIncarnation(const ArchiveCheckpoint& checkpoint,
                                uint64_t incarnation) const;
  absl::Status CheckLimits(const IndexView& view, const Uuid& session,
                           const ArchiveCheckpoint& checkpoint) const;

  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  const uint64_t incarnation_;
  IndexMetrics* const metrics_;
};

}  // namespace cairn::index
