#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/mark.h"
#include "services/index/client/sweep_client.h"
#include "services/index/domain/rows.h"
#include "services/index/engine/datastore_state.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/mark_sorter.h"

namespace cairn::index {

// Where DropPages goes on.
struct PageDropPosition {
  bool dry_run = false;
  bool done = false;
  std::string next_key;  // of pages
  // Of pages; null: from the start.
  std::unique_ptr<MarkStream> marks;
  std::optional<MarkRun> run;
  size_t next_mark = 0;  // of run
};

// One sweep, from its view on. In memory alone: with the process, or when
// another begins, it is lost. Lock order: mutex, then the datastore's gate.
struct Sweep {
  // Takes the view.
  Sweep(DatastoreState* state, const IndexSweepRequest& request,
        const IndexStore& store, const IndexState& state_numbers,
        const std::optional<absl::Time>& ends_trash)
      : datastore(state),
        token(request.token),
        cut(request.cut),
        validate_only(request.validate_only),
        would_end_trash(ends_trash),
        numbers(state_numbers),
        view(store.NewView(state->info.ref.uuid)) {}

  // Aborted (SWEEP_LOST).
  absl::Status CheckNotLost() const;
  // Also if a higher token was seen: what it was seen with may rest on this
  // sweep doing nothing more.
  absl::Status CheckHighest() const ABSL_SHARED_LOCKS_REQUIRED(datastore->gate);

  DatastoreState* const datastore;
  const uint64_t token;
  const uint64_t cut;
  const bool validate_only;
  // Of a plan: what is in trash and over by then would be gone, so it is no
  // root. None: nothing would, or what would is gone.
  const std::optional<absl::Time> would_end_trash;
  const IndexState numbers;  // of the view
  const IndexView view;
  // Set once, by whatever ends it.
  std::atomic<bool> lost = false;

  absl::Mutex mutex;
  // Each Mark has the next number; the highest one alone goes on.
  std::atomic<uint64_t> mark_round = 0;
  // Events up to this number were told, one after another.
  uint64_t told_sequence ABSL_GUARDED_BY(mutex) = 0;
  bool told_all ABSL_GUARDED_BY(mutex) = false;
  // Of the last Mark that has ended: marks of pages, and the keys of gone
  // snapshots that a lease held.
  std::shared_ptr<const SortedMarks> marks ABSL_GUARDED_BY(mutex);
  absl::flat_hash_set<std::string> held_gone ABSL_GUARDED_BY(mutex);
  PageDropPosition drop ABSL_GUARDED_BY(mutex);
};

absl::Status SweepLost(const Datastore& datastore, uint64_t token);

}  // namespace cairn::index
