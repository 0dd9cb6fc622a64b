#pragma once

#include <vector>

#include "cairn/maintenance/v1/task_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/maintenance/engine/job_frontend.h"

namespace cairn::maintenance {

// JobService over gRPC: decodes, makes one call of the engine, encodes.
// Thread-safe.
class JobServiceImpl final : public v1::JobService::CallbackService {
 public:
  // Both outlive the service.
  JobServiceImpl(Dispatcher* dispatcher, JobFrontend* jobs)
      : dispatcher_(dispatcher), jobs_(jobs) {}

  // Operators.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* PutJob(grpc::CallbackServerContext* context,
                                   const v1::PutJobRequest* request,
                                   v1::PutJobResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::GetJobResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteJob(grpc::CallbackServerContext* context,
                                      const v1::DeleteJobRequest* request,
                                      v1::DeleteJobResponse* response) override;
  grpc::ServerUnaryReactor* RunJob(grpc::CallbackServerContext* context,
                                   const v1::RunJobRequest* request,
                                   v1::RunJobResponse* response) override;

 private:
  // PermissionDenied (OUT_OF_SCOPE): the job is about what lies outside of
  // the caller's scope. NotFound (JOB_UNKNOWN).
  absl::Status CheckReach(const Call& call, const std::string& datastore,
                          const std::string& id);

  Dispatcher* const dispatcher_;
  JobFrontend* const jobs_;
};

}  // namespace cairn::maintenance
