#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/model/datastore.h"
#include "common/time/clock.h"
#include "services/index/engine/datastore_state.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Every datastore that index knows. None is ever removed: a state lives as
// long as the registry. Thread-safe.
class DatastoreRegistry {
 public:
  struct Options {
    // All are kept in memory, about 10 KiB each.
    size_t max_datastores = 1000;
    // Pages told apart per datastore between two sweeps; see PageTouches.
    size_t max_page_touches = size_t{1} << 20;
  };

  // Loads what `store` (outliving the registry) holds. At the first start it
  // creates the datastore "default": the row alone, since index calls nobody.
  // Its event is written by the first caller that makes it known to
  // chunk_storage, by preparing CreateDatastore with the same UUID.
  static absl::StatusOr<std::unique_ptr<DatastoreRegistry>> Open(
      const Options& options, IndexStore* store, const Clock& clock,
      absl::BitGenRef random);

  // NotFound.
  absl::StatusOr<DatastoreState*> FindByName(const std::string& name) const;
  // FailedPrecondition: DATASTORE_UNKNOWN, GENERATION_MISMATCH.
  absl::StatusOr<DatastoreState*> Find(const DatastoreRef& ref) const;

  // The next datastore in name order, at or after `name`.
  DatastoreState* FirstFrom(const std::string& name) const;

  // Of all datastores, open and not fenced.
  size_t CountOpenSessions() const;

  // Whether `datastore` may be added: nothing if it is there already with
  // this UUID, else its name and UUID are free. AlreadyExists.
  // ResourceExhausted (LIMIT_EXCEEDED).
  absl::Status CheckAddable(const Datastore& datastore) const;
  // Makes it durable, with its first block of sequence numbers; number 1 is
  // that of its creation. Idempotent.
  absl::Status Add(const Datastore& datastore);

 private:
  DatastoreRegistry(const Options& options, IndexStore* store)
      : options_(options), store_(store) {}

  absl::Status Load(const Datastore& datastore);
  absl::Status LoadSessions(DatastoreState& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // For a state that was written before there were counts.
  absl::Status CountSnapshots(DatastoreState& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckAddableLocked(const Datastore& datastore) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;
  IndexStore* const store_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<DatastoreState>, std::less<>> by_name_
      ABSL_GUARDED_BY(mutex_);
  std::map<Uuid, DatastoreState*> by_uuid_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::index
