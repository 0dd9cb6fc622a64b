#include "services/maintenance/rpc/job_service.h"

#include <string>
#include <utility>

#include "common/model/call.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "services/maintenance/rpc/task_wire.h"

namespace cairn::maintenance {

std::vector<AuthorizationRow> JobServiceImpl::Authorization() {
  const std::string service = "cairn.maintenance.v1.JobService/";
  return {
      {service + "PutJob", kAdminsAndServices},
      {service + "GetJob", kAdminsAndServices},
      {service + "ListJobs", kAdminsAndServices},
      {service + "DeleteJob", kAdminsAndServices},
      {service + "RunJob", kAdminsAndServices, DrainRule::kRefuse},
  };
}

grpc::ServerUnaryReactor* JobServiceImpl::PutJob(
    grpc::CallbackServerContext* context, const v1::PutJobRequest* request,
    v1::PutJobResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const Job job, FromProto(request->job()));
        ASSIGN_OR_RETURN(const JobView view, jobs_->Put(call, job));
        *response->mutable_job() = ToProto(view);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(
    grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
    v1::GetJobResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const JobName name,
                         JobNameFromProto("name", request->name()));
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
      context, [=, this](const Call& call) -> absl::Status {
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
          *response->add_jobs() = ToProto(view);
        }
        response->set_next_page_token(std::move(page.next_page_token));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* JobServiceImpl::DeleteJob(
    grpc::CallbackServerContext* context, const v1::DeleteJobRequest* request,
    v1::DeleteJobResponse*) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const JobName name,
                     JobNameFromProto("name", request->name()));
    return jobs_->Remove(name.datastore, name.id);
  });
}

grpc::ServerUnaryReactor* JobServiceImpl::RunJob(
    grpc::CallbackServerContext* context, const v1::RunJobRequest* request,
    v1::RunJobResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const JobName name,
                         JobNameFromProto("name", request->name()));
        ASSIGN_OR_RETURN(
            const StartedTask started,
            jobs_->Run(call, name.datastore, name.id, request->request_id()));
        *response->mutable_task() = ToProto(started.task, 0);
        response->set_attached(started.attached);
        return absl::OkStatus();
      });
}

}  // namespace cairn::maintenance
