#include "services/maintenance/engine/job_frontend.h"

#include <utility>

#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/task_rules.h"

namespace cairn::maintenance {
namespace {

// Who has started what the schedule starts.
constexpr char kScheduler[] = "schedule@service";

absl::Status WithJobReason(const absl::Status& status) {
  if (!absl::IsNotFound(status) || ReasonOf(status).has_value()) return status;
  return WithReason(status, reason::kJobUnknown);
}

TaskRequest RequestOf(const Job& job, const std::string& request_id,
                      const std::string& principal) {
  return {.request_id = request_id,
          .kind = job.kind,
          .datastore = job.datastore,
          .job = job.id,
          .principal = principal,
          .options = job.options};
}

}  // namespace

absl::StatusOr<JobView> JobFrontend::Put(const Call& call, const Job& job) {
  RETURN_IF_ERROR(
      dependencies_.catalog->GetDatastore(call, job.datastore).status());
  absl::StatusOr<JobView> updated = dependencies_.jobs->Update(job);
  if (!absl::IsNotFound(updated.status())) return updated;
  absl::StatusOr<JobView> created = dependencies_.jobs->Create(job);
  // Somebody else has created it meanwhile.
  if (absl::IsAlreadyExists(created.status())) {
    return dependencies_.jobs->Update(job);
  }
  return created;
}

absl::StatusOr<JobView> JobFrontend::Get(const Call& call,
                                         const std::string& datastore,
                                         const std::string& id) {
  absl::StatusOr<JobView> job = dependencies_.jobs->Get(datastore, id);
  if (!job.ok()) return WithJobReason(job.status());
  AddEnd(call, *job);
  return job;
}

absl::StatusOr<ListPage<JobView>> JobFrontend::List(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  ASSIGN_OR_RETURN(ListPage<JobView> jobs,
                   dependencies_.jobs->List(datastore, page));
  for (JobView& view : jobs.items) AddEnd(call, view);
  return jobs;
}

void JobFrontend::AddEnd(const Call& call, JobView& view) {
  JobState& state = view.state;
  if (state.last_task.is_zero() || !state.last_result.empty()) return;
  const absl::StatusOr<VersionedTask> last =
      dependencies_.tasks->Get(call, view.job.datastore, state.last_task);
  if (last.ok() && HasEnded(last->task.state)) {
    state.last_result = DescribeEnd(last->task);
  }
}

absl::Status JobFrontend::Remove(const std::string& datastore,
                                 const std::string& id) {
  return WithJobReason(dependencies_.jobs->Remove(datastore, id));
}

absl::StatusOr<StartedTask> JobFrontend::Run(const Call& call,
                                             const std::string& datastore,
                                             const std::string& id,
                                             const std::string& request_id) {
  ASSIGN_OR_RETURN(const JobView view, Get(call, datastore, id));
  ASSIGN_OR_RETURN(StartedTask started,
                   dependencies_.tasks->Start(
                       RequestOf(view.job, request_id, call.caller.principal)));
  if (!started.attached) {
    RETURN_IF_ERROR(WithJobReason(
        dependencies_.jobs->NoteStart(datastore, id, started.task.id)));
  }
  return started;
}

absl::StatusOr<Uuid> JobFrontend::StartDue(const Job& job,
                                           const std::string& request_id) {
  const absl::StatusOr<StartedTask> started =
      dependencies_.tasks->Start(RequestOf(job, request_id, kScheduler));
  if (HasReason(started.status(), reason::kTaskRunning)) {
    return absl::UnavailableError(started.status().message());
  }
  RETURN_IF_ERROR(started.status());
  return started->task.id;
}

}  // namespace cairn::maintenance
