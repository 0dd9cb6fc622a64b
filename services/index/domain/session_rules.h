#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/model/session.h"
#include "services/index/domain/rows.h"

// The life of a session:
//
//   open ── CommitPublish ──> published
//     └──── AbortSession, a refused publish ──> aborted
//
// An open session whose epoch is below the fence is fenced: it can be aborted
// and nothing else. That is derived from two numbers and never stored.
namespace cairn::index {

inline constexpr size_t kMaxBuilderStateBytes = 1 << 20;
// How long an ended session answers repeated calls.
inline constexpr absl::Duration kEndedSessionTime = absl::Hours(24 * 7);

SessionState DeriveState(const SessionRow& row, uint64_t fence);

// Whether calls of session `ref` may go on. FailedPrecondition
// (SESSION_ENDED): published or aborted. Aborted (SESSION_FENCED).
// InvalidArgument: the session has another epoch.
absl::Status CheckSessionOpen(const SessionName& name, const SessionRow& row,
                              const SessionRef& ref, uint64_t fence);
absl::Status CheckNotFenced(const SessionName& name, uint64_t epoch,
                            uint64_t fence);
absl::Status SessionEnded(const SessionName& name, SessionState state);

// Whether `next` may take the place of `previous`, or is the same again.
// OutOfRange (OFFSET_MISMATCH, metadata "expected"): it does not follow
// `previous`, which another stream has saved. InvalidArgument: it follows,
// and durable bytes shrink, it has another kind or chunker, or a complete
// archive changes; or `next` is not consistent in itself.
absl::Status CheckCheckpoint(const std::optional<ArchiveCheckpoint>& previous,
                             const ArchiveCheckpoint& next);

struct ExpectedSize {
  std::string name;
  uint64_t size_bytes = 0;
};
// Whether `checkpoints` (sorted by name) are exactly the `expected` archives,
// all complete and of the expected size. FailedPrecondition: they are not,
// ARCHIVE_OPEN if one is incomplete. InvalidArgument: none expected, more
// than kMaxArchivesPerSnapshot, or one twice.
absl::Status CheckPublishable(const std::vector<ArchiveCheckpoint>& checkpoints,
                              std::vector<ExpectedSize> expected);

// Whether the session can publish no more, and no event in the packs cancels
// the manifest that it has prepared: a rebuild from packs would list it.
bool IsUncancelled(const SessionRow& row, uint64_t fence);

// Whether the row only serves repeated calls no longer due: ended, or fenced
// and opened, kEndedSessionTime ago. Never while it is uncancelled: the row
// is all that knows of the manifest.
bool MayPurge(const SessionRow& row, uint64_t fence, absl::Time now);

}  // namespace cairn::index
