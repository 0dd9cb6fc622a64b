#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.grpc.pb.h"
#include "common/model/call.h"
#include "common/model/uuid.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/maintenance/engine/prune_run.h"
#include "services/maintenance/engine/sweep_session.h"
#include "services/maintenance/engine/task_frontend.h"
#include "services/maintenance/rpc/task_wire.h"

namespace cairn::maintenance {

// TaskService over gRPC: decodes, makes one call of the engine, encodes.
// Thread-safe.
class TaskServiceImpl final : public v1::TaskService::CallbackService {
 public:
  // All outlive the service.
  struct Dependencies {
    Dispatcher* dispatcher = nullptr;
    TaskFrontend* tasks = nullptr;
    const Pruner* pruner = nullptr;
    RunPeers peers;  // for what is only looked at
  };
  explicit TaskServiceImpl(const Dependencies& dependencies)
      : dispatcher_(dependencies.dispatcher), dependencies_(dependencies) {}

  // Operators. A server that drains starts nothing and ends watches.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* StartTask(grpc::CallbackServerContext* context,
                                      const v1::StartTaskRequest* request,
                                      v1::StartTaskResponse* response) override;
  grpc::ServerUnaryReactor* GetTask(grpc::CallbackServerContext* context,
                                    const v1::GetTaskRequest* request,
                                    v1::GetTaskResponse* response) override;
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* context,
                                      const v1::ListTasksRequest* request,
                                      v1::ListTasksResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchTaskResponse>* WatchTask(
      grpc::CallbackServerContext* context,
      const v1::WatchTaskRequest* request) override;
  grpc::ServerUnaryReactor* ListTaskLog(
      grpc::CallbackServerContext* context,
      const v1::ListTaskLogRequest* request,
      v1::ListTaskLogResponse* response) override;
  grpc::ServerUnaryReactor* CancelTask(
      grpc::CallbackServerContext* context,
      const v1::CancelTaskRequest* request,
      v1::CancelTaskResponse* response) override;
  grpc::ServerUnaryReactor* PauseTask(grpc::CallbackServerContext* context,
                                      const v1::PauseTaskRequest* request,
                                      v1::PauseTaskResponse* response) override;
  grpc::ServerUnaryReactor* ResumeTask(
      grpc::CallbackServerContext* context,
      const v1::ResumeTaskRequest* request,
      v1::ResumeTaskResponse* response) override;
  grpc::ServerWriteReactor<v1::PlanPruneResponse>* PlanPrune(
      grpc::CallbackServerContext* context,
      const v1::PlanPruneRequest* request) override;
  grpc::ServerUnaryReactor* SimulatePrune(
      grpc::CallbackServerContext* context,
      const v1::SimulatePruneRequest* request,
      v1::SimulatePruneResponse* response) override;
  grpc::ServerUnaryReactor* GetVerifyState(
      grpc::CallbackServerContext* context,
      const v1::GetVerifyStateRequest* request,
      v1::GetVerifyStateResponse* response) override;

 private:
  // PermissionDenied (OUT_OF_SCOPE): the task is about what lies outside of
  // the caller's scope.
  absl::Status CheckReach(const Call& call, const TaskName& name);

  // Of one task by its name; the answer is the task as it is then.
  using TaskCall = absl::StatusOr<VersionedTask> (TaskFrontend::*)(
      const Call& call, const std::string& datastore, const Uuid& id);
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* AnswerWithTask(grpc::CallbackServerContext* context,
                                           const Request* request,
                                           Response* response,
                                           TaskCall task_call);

  Dispatcher* const dispatcher_;
  const Dependencies dependencies_;
};

}  // namespace cairn::maintenance
