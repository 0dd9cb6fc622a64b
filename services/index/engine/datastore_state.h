#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "common/model/uuid.h"
#include "services/index/domain/page_touches.h"
#include "services/index/domain/rows.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// What index holds in memory of one datastore. Locks are taken in the order
// of the members.
struct DatastoreState {
  DatastoreState(const Datastore& datastore, const IndexState& from_disk,
                 size_t max_page_touches)
      : info(datastore),
        numbers(from_disk),
        touches(from_disk.highest_epoch, max_page_touches) {}

  const Datastore info;

  // Held shared by a call that stores pages or checkpoints of one session,
  // from its fence check until its batch is committed; held alone by whatever
  // changes the catalog, the life of a session, or the numbers. So raising
  // the fence waits for all that passed the old one, and nothing passes in
  // between.
  mutable absl::Mutex gate;
  IndexState numbers ABSL_GUARDED_BY(gate);  // as they are on disk
  // Sessions that are open and not fenced, and where they will publish.
  std::map<Uuid, NamespacePath> open_sessions ABSL_GUARDED_BY(gate);
  // Sessions that IsUncancelled is true of.
  std::set<Uuid> uncancelled ABSL_GUARDED_BY(gate);
  Uuid purged_up_to ABSL_GUARDED_BY(gate);  // where the next purge starts

  // One of them is held by a call that changes checkpoints of one session.
  std::array<absl::Mutex, 64> session_locks;
  absl::Mutex& session_lock(const Uuid& session) {
    return session_locks[session.bytes[15] % session_locks.size()];
  }

  absl::Mutex touch_mutex;
  PageTouches touches ABSL_GUARDED_BY(touch_mutex);
};

// Hands out the next number, with the state after it in `batch`, which is
// synced before the number is used; then the caller sets state.numbers to
// `numbers`. One at a time and not in blocks: an old copy of this database is
// told by its number being lower than that of a record in the packs.
uint64_t TakeSequence(const DatastoreState& state, IndexBatch& batch,
                      IndexState& numbers)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate);

// Brings open_sessions and uncancelled in line with the row that a session
// has now. Returns by how much the number of open sessions has changed.
int TrackSession(DatastoreState& state, const Uuid& session,
                 const SessionRow& row)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate);

// Makes `numbers` durable, alone in a batch, and then the present ones. Also
// when the disk is nearly full: a fence and an end need them.
absl::Status CommitNumbers(IndexStore& store, DatastoreState& state,
                           const IndexState& numbers)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate);

}  // namespace cairn::index
