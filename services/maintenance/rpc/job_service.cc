#include "services/maintenance/rpc/job_service.h"

#include <string>
#include <utility>

#include "common/model/call.h"
#include "common/model/resource_scope.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "services/maintenance/rpc/task_wire.h"

namespace cairn::maintenance {

std::vector<AuthorizationRow> JobServiceImpl::Authorization() {
  const std::string service = "cairn.maintenance.v1.JobService/";
  const DrainRule allow = DrainRule::kAllow;
  // What a job that is there is about, is checked below.
  const ScopeRule name = InDatastore({"name"});
  return {
      {service + "PutJob", kOperators, allow,
       InDatastore({"job.name"},
                   {"job.options.prune.scope", "job.options.gc.datastore",
                    "job.options.verify.scope"})},
      {service + "GetJob", kOperators, allow, name},
      {service + "ListJobs", kOperators, allow, InDatastore({"datastore"})},
      {service + "DeleteJob", kOperators, allow, name},
      {service + "RunJob", kOperators, DrainRule::kRefuse, name},
  };
}

absl::Status JobServiceImpl::CheckReach(const Call& call,
                                        const std::string& datastore,
                                        const std::string& id) {
  if (call.caller.scope.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const JobView view, jobs_->Get(call, datastore, id));
  return CheckInScope(call.caller.scope,
                      ResourceOf(view.job.datastore, view.job.options));
}

grpc::ServerUnaryReactor* JobServiceImpl::PutJob(
    grpc::CallbackServerContext* context, const v1::PutJobRequest* request,
    v1::PutJobResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const Job job, FromProto(request->job()));
        // Nor may it take the place of a job that is out of reach.
        const absl::Status reach = CheckReach(call, job.datastore, job.id);
        if (!reach.ok() && !absl::IsNotFound(reach)) return reach;
        ASSIGN_OR_RETURN(const JobView view, jobs_->Put(call, job));
        *response->mutable_job() = ToProto(view);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(
    grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
    v1::GetJobResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const JobName name,
                         JobNameFromProto("name", request->name()));
        RETURN_IF_ERROR(CheckReach(call, name.datastore, name.id));
        ASSIGN_OR_RETURN(const JobView view,
                         jobs_->Get(call, name.datastore, name.id));
        *response->mutable_job() = ToProto(view);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(
    grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
    v1::ListJobsResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        std::string datastore;
        if (!request->datastore().empty()) {
          ASSIGN_OR_RETURN(datastore, DatastoreNameFromProto(
                                          "datastore", request->datastore()));
        }
        ASSIGN_OR_RETURN(ListPage<JobView> page,
                         jobs_->List(call, datastore,
                                     {.page_size = request->page_size(),
                                      .page_token = request->page_token()}));
        for (const JobView& view : page.items) {
          if (!IsInScope(call.caller.scope,
                         ResourceOf(view.job.datastore, view.job.options))) {
            continue;
          }
          *response->add_jobs() = ToProto(view);
        }
        response->set_next_page_token(std::move(page.next_page_token));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::DeleteJob(
    grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
    v1::DeleteJobResponse*) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const JobName name,
                         JobNameFromProto("name", request->name()));
        RETURN_IF_ERROR(CheckReach(call, name.datastore, name.id));
        return jobs_->Remove(name.datastore, name.id);
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::RunJob(
    grpc::CallbackServerContext* context, const v1::RunJobRequest* request,
    v1::RunJobResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const JobName name,
                         JobNameFromProto("name", request->name()));
        RETURN_IF_ERROR(CheckReach(call, name.datastore, name.id));
        ASSIGN_OR_RETURN(
            const StartedTask started,
            jobs_->Run(call, name.datastore, name.id, request->request_id()));
        *response->mutable_task() = ToProto(started.task, 0);
        response->set_attached(started.attached);
        return absl::OkStatus();
      });
}

}  // namespace cairn::maintenance
