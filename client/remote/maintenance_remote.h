#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/remote/read_stream.h"

namespace cairn::client {

using TaskStream = ReadStreamOf<maintenance::v1::WatchTaskResponse>;
using PlanStream = ReadStreamOf<maintenance::v1::PlanPruneResponse>;

// The calls of tasks and jobs, each one attempt with a deadline; streams have
// none. Statuses carry the server's reason. Unimplemented: the server that was
// asked does not serve maintenance.
class MaintenanceRemote {
 public:
  virtual ~MaintenanceRemote() = default;

  virtual absl::StatusOr<maintenance::v1::StartTaskResponse> StartTask(
      const maintenance::v1::StartTaskRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::GetTaskResponse> GetTask(
      const maintenance::v1::GetTaskRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::ListTasksResponse> ListTasks(
      const maintenance::v1::ListTasksRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::ListTaskLogResponse> ListTaskLog(
      const maintenance::v1::ListTaskLogRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::CancelTaskResponse> CancelTask(
      const maintenance::v1::CancelTaskRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::PauseTaskResponse> PauseTask(
      const maintenance::v1::PauseTaskRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::ResumeTaskResponse> ResumeTask(
      const maintenance::v1::ResumeTaskRequest& request) = 0;
  virtual std::unique_ptr<TaskStream> StartWatch(
      const maintenance::v1::WatchTaskRequest& request) = 0;
  virtual std::unique_ptr<PlanStream> StartPlan(
      const maintenance::v1::PlanPruneRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::GetVerifyStateResponse>
  GetVerifyState(const maintenance::v1::GetVerifyStateRequest& request) = 0;

  virtual absl::StatusOr<maintenance::v1::PutJobResponse> PutJob(
      const maintenance::v1::PutJobRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::GetJobResponse> GetJob(
      const maintenance::v1::GetJobRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::ListJobsResponse> ListJobs(
      const maintenance::v1::ListJobsRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::DeleteJobResponse> DeleteJob(
      const maintenance::v1::DeleteJobRequest& request) = 0;
  virtual absl::StatusOr<maintenance::v1::RunJobResponse> RunJob(
      const maintenance::v1::RunJobRequest& request) = 0;
};

}  // namespace cairn::client
