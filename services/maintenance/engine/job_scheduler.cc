#include "services/maintenance/engine/job_scheduler.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

// Clocks do not agree to the last: a timer may be early by the wall clock.
constexpr absl::Duration kMinDelay = absl::Milliseconds(1);

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsAborted(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

JobScheduler::JobScheduler(const Options& options,
                           const Dependencies& dependencies, Start start)
    : options_(options),
      dependencies_(dependencies),
      start_(std::move(start)),
      repeater_(dependencies.executor, [this](const CancellationToken& stop) {
        return RunRound(stop);
      }) {}

JobScheduler::~JobScheduler() { Stop(); }

void JobScheduler::Begin() { repeater_.Start(); }

void JobScheduler::Stop() { repeater_.Stop(); }

absl::Duration JobScheduler::RunRound(const CancellationToken& stop) {
  const absl::Time event = RunJobs(stop);
  DropOldTasks();
  const absl::Time now = dependencies_.clock->Now();
  const absl::Duration into_period =
      (now - absl::UnixEpoch()) % options_.alignment;
  const absl::Time next =
      std::min(event, now + options_.alignment - into_period);
  return std::max(kMinDelay, next - now);
}

absl::Time JobScheduler::RunJobs(const CancellationToken& stop) {
  Call call;
  call.caller = {.kind = CallerKind::kLocal,
                 .role = CallerRole::kMaintenance,
                 .principal = "maintenance@service"};
  call.deadline = dependencies_.clock->Now() + options_.timeout;
  call.cancellation = &stop;
  absl::Time next = absl::InfiniteFuture();
  const std::vector<StoredJob> jobs = dependencies_.jobs->All();
  for (const StoredJob& stored : jobs) {
    if (stop.cancelled()) break;
    NoteEnd(stored);
    next = std::min(next, RunJob(call, stored));
  }
  // Those of jobs that were removed stay no longer than this.
  if (failing_since_.size() > jobs.size()) failing_since_.clear();
  return next;
}

absl::Time JobScheduler::RunJob(const Call& call, const StoredJob& stored) {
  const Job& job = stored.job;
  const bool running =
      dependencies_.tasks->FindActiveOfJob(job.datastore, job.id).has_value();
  const absl::StatusOr<DueDecision> decision =
      DecideDue(job, stored.state, dependencies_.clock->Now(), running);
  if (!decision.ok()) {
    HasPatience({job.datastore, job.id}, decision.status());
    return absl::InfiniteFuture();
  }
  switch (decision->kind) {
    case DueDecision::Kind::kNotDue:
      failing_since_.erase({job.datastore, job.id});
      return decision->event;
    case DueDecision::Kind::kDue:
      StartJob(call, stored, decision->event);
      break;
    case DueDecision::Kind::kClockWentBack: {
      const absl::Status restarted =
          dependencies_.jobs->Restart(job.datastore, job.id);
      LOG(WARNING) << "clock was set back, schedule goes on from now job="
                   << job.id << " datastore=" << job.datastore
                   << " counted_from=" << stored.state.counts_from
                   << " result=" << restarted;
      break;
    }
  }
  // What comes next follows from the state as it is now.
  const absl::StatusOr<JobView> view =
      dependencies_.jobs->Get(job.datastore, job.id);
  if (!view.ok() || !view->next_run.ok()) return absl::InfiniteFuture();
  const absl::Time next = view->next_run->value_or(absl::InfiniteFuture());
  // Due again, or still: in the next aligned round.
  return next > dependencies_.clock->Now() ? next : absl::InfiniteFuture();
}

void JobScheduler::StartJob(const Call& call, const StoredJob& stored,
                            absl::Time event) {
  const Job& job = stored.job;
  const Key key(job.datastore, job.id);
  const absl::StatusOr<Uuid> task =
      start_(call, job, ScheduledRequestId(job, stored.state, event));
  absl::Status noted;
  if (task.ok()) {
    failing_since_.erase(key);
    LOG(INFO) << "job started job=" << job.id << " datastore=" << job.datastore
              << " task=" << task->ToString();
    noted = dependencies_.jobs->NoteStart(job.datastore, job.id, *task);
  } else if (!HasPatience(key, task.status())) {
    failing_since_.erase(key);
    noted = dependencies_.jobs->NoteFailedStart(
        job.datastore, job.id,
        absl::StrCat("could not be started: ", task.status().message()));
  }
  // The start is repeated, and finds the task that it has led to.
  if (!noted.ok()) {
    LOG(WARNING) << "start of a job not noted job=" << job.id
                 << " datastore=" << job.datastore << " error=" << noted;
  }
}

bool JobScheduler::HasPatience(const Key& key, const absl::Status& failure) {
  const absl::Duration now = dependencies_.clock->Monotonic();
  const auto [since, is_first] = failing_since_.try_emplace(key, now);
  if (is_first) {
    LOG(WARNING) << "job not started job=" << key.second
                 << " datastore=" << key.first << " error=" << failure;
  }
  return IsTransient(failure) && now - since->second < options_.start_patience;
}

void JobScheduler::NoteEnd(const StoredJob& stored) {
  const JobState& state = stored.state;
  if (state.last_task.is_zero() || !state.last_result.empty()) return;
  const Job& job = stored.job;
  const absl::StatusOr<Task> task =
      dependencies_.tasks->Get(job.datastore, state.last_task);
  std::string result = "not known any more";
  if (task.ok()) {
    if (!HasEnded(task->state)) return;
    result = DescribeEnd(*task);
  } else if (!absl::IsNotFound(task.status())) {
    return;
  }
  const absl::Status noted = dependencies_.jobs->NoteResult(
      job.datastore, job.id, state.last_task, result);
  if (!noted.ok()) {
    LOG(WARNING) << "end of a job not noted job=" << job.id
                 << " datastore=" << job.datastore << " error=" << noted;
  }
}

void JobScheduler::DropOldTasks() {
  const absl::Duration now = dependencies_.clock->Monotonic();
  if (now < next_drop_time_) return;
  next_drop_time_ = now + options_.drop_period;
  const absl::Status dropped = dependencies_.tasks->DropOld();
  if (!dropped.ok()) {
    LOG(WARNING) << "old tasks not dropped error=" << dropped;
  }
}

}  // namespace cairn::maintenance
