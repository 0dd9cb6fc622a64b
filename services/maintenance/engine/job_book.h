#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/maintenance/domain/job_rules.h"
#include "services/maintenance/storage/task_store.h"

namespace cairn::maintenance {

// A job, what became of its schedule, and when it is to run next.
struct JobView {
  Job job;
  JobState state;
  // As NextRun. InvalidArgument: the schedule cannot be read on this machine.
  absl::StatusOr<std::optional<absl::Time>> next_run;
};

// The jobs of all datastores. What was answered is durable. Thread-safe.
class JobBook {
 public:
  struct Options {
    size_t max_jobs_per_datastore = 100;  // each round looks at all of them
  };
  // All outlive the book.
  struct Dependencies {
    const Clock* clock = nullptr;
    TaskStore* store = nullptr;
  };

  // DataLoss: a row that cannot be read.
  static absl::StatusOr<std::unique_ptr<JobBook>> Open(
      const Options& options, const Dependencies& dependencies);

  // AlreadyExists. InvalidArgument: as ValidateJob. ResourceExhausted: too
  // many jobs (LIMIT_EXCEEDED), or the disk is nearly full (STORAGE_FULL).
  // The first run is that of the first event from now on.
  absl::StatusOr<JobView> Create(const Job& job);
  // Replaces the job of that datastore and id. NotFound, InvalidArgument. A
  // changed schedule, time zone or enabled counts events from now on.
  absl::StatusOr<JobView> Update(const Job& job);
  // NotFound. Its tasks stay.
  absl::Status Remove(const std::string& datastore, const std::string& id);
  absl::StatusOr<JobView> Get(const std::string& datastore,
                              const std::string& id) const;
  // By datastore and id; of one datastore, or of all if `datastore` is empty.
  // The page token is the last item's "datastore/id".
  absl::StatusOr<ListPage<JobView>> List(const std::string& datastore,
                                         const PageRequest& request) const;
  std::vector<StoredJob> All() const;

  // Notes that `task` is a run of the job that started now: by its schedule
  // or by hand. NotFound.
  absl::Status NoteStart(const std::string& datastore, const std::string& id,
                         const Uuid& task);
  // Notes how the last run ended; an older run's end changes nothing.
  // NotFound.
  absl::Status NoteResult(const std::string& datastore, const std::string& id,
                          const Uuid& task, const std::string& result);
  // Notes that the run for the events that have come could not be started.
  // NotFound.
  absl::Status NoteFailedStart(const std::string& datastore,
                               const std::string& id,
                               const std::string& result);
  // Takes the schedule up anew from now on. NotFound.
  absl::Status Restart(const std::string& datastore, const std::string& id);

 private:
  using Key = std::pair<std::string, std::string>;  // datastore, id

  JobBook(const Options& options, const Dependencies& dependencies)
      : options_(options), dependencies_(dependencies) {}

  absl::Time Now() const;
  absl::StatusOr<StoredJob*> Find(const Key& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  JobView View(const StoredJob& stored) const;
  absl::Status SaveState(StoredJob& stored, JobState state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t CountJobs(const std::string& datastore) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Dependencies dependencies_;

  mutable absl::Mutex mutex_;
  std::map<Key, StoredJob> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::maintenance
