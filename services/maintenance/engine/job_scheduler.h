#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/concurrency/repeater.h"
#include "common/model/call.h"
#include "common/model/uuid.h"
#include "common/time/clock.h"
#include "services/maintenance/domain/job_rules.h"
#include "services/maintenance/engine/job_book.h"
#include "services/maintenance/engine/task_registry.h"

namespace cairn::maintenance {

// Starts the jobs that are due, by the rules of domain/job_rules.h, and notes
// how their runs ended. Rounds come every `alignment` of the wall clock, and
// at the next event if that is sooner.
//
// At most one run an event, and one it has unless nobody can start it for
// `start_patience`: the request id of a run follows from the event (see
// ScheduledRequestId), the start is durable by TaskRegistry::Create, and only
// then is it noted in the job's state. A crash between the two leads to the
// same start again, which finds the task, interrupted by then, and notes it.
// Jobs of one datastore start in any order and may run side by side; what
// excludes what is a matter of leases. Thread-safe.
class JobScheduler {
 public:
  // Makes the task of a job's run under `request_id` and sees to it that
  // somebody runs it; idempotent by that id. Does not wait for the run.
  using Start = absl::AnyInvocable<absl::StatusOr<Uuid>(
      const Call& call, const Job& job, const std::string& request_id)>;

  struct Options {
    absl::Duration alignment = absl::Seconds(10);
    // How long a start that others are too busy or not there for (Unavailable,
    // ResourceExhausted, Aborted, DeadlineExceeded) is repeated, each round.
    absl::Duration start_patience = absl::Hours(1);
    // Tasks that are too old are looked for that often.
    absl::Duration drop_period = absl::Hours(1);
    // Of one round's calls, all together.
    absl::Duration timeout = absl::Seconds(30);
  };
  // All outlive the scheduler.
  struct Dependencies {
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    JobBook* jobs = nullptr;
    TaskRegistry* tasks = nullptr;
  };

  // `start` is called by one round at a time.
  JobScheduler(const Options& options, const Dependencies& dependencies,
               Start start);
  // As Stop.
  ~JobScheduler();

  // Schedules the first round at once. Call it once.
  void Begin();
  // Cancels a running round, waits for its end, and starts no other.
  // Idempotent. Not to be called from the executor's tasks.
  void Stop();

 private:
  using Key = std::pair<std::string, std::string>;  // datastore, id

  // Returns the time until the next.
  absl::Duration RunRound(const CancellationToken& stop);
  // The instant of the next event that is known.
  absl::Time RunJobs(const CancellationToken& stop);
  // As RunJobs, of one.
  absl::Time RunJob(const Call& call, const StoredJob& stored);
  void StartJob(const Call& call, const StoredJob& stored, absl::Time event);
  void NoteEnd(const StoredJob& stored);
  // Whether what has failed now is to be tried again; logs the first time.
  bool HasPatience(const Key& key, const absl::Status& failure);
  void DropOldTasks();

  const Options options_;
  const Dependencies dependencies_;

  // Of the round that runs; rounds do not overlap.
  Start start_;
  // Since when a job's rounds fail, on the monotonic clock.
  std::map<Key, absl::Duration> failing_since_;
  absl::Duration next_drop_time_;  // monotonic

  Repeater repeater_;
};

}  // namespace cairn::maintenance
