#include "client/remote/grpc_maintenance_remote.h"

#include <grpcpp/channel.h>

#include <utility>

#include "absl/time/time.h"
#include "cairn/maintenance/v1/task_service.grpc.pb.h"
#include "client/remote/grpc_channel.h"
#include "client/remote/grpc_server_stream.h"
#include "client/remote/grpc_unary.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else

constexpr absl::Duration kCallTimeout = absl::Minutes(1);

// One override of MaintenanceRemote.
#define CAIRN_MAINTENANCE_CALL(stub, method)                                \
  absl::StatusOr<method##Response> method(const method##Request& request)   \
      override {                                                            \
    return CallUnary<method##Response>(*clock_, interrupt_, kCallTimeout,   \
                                       request, CAIRN_UNARY(stub, method)); \
  }

class GrpcMaintenanceRemote final : public MaintenanceRemote {
 public:
  GrpcMaintenanceRemote(const std::shared_ptr<grpc::Channel>& channel,
                        const Clock* clock, const Interrupt* interrupt)
      : tasks_(TaskService::NewStub(channel)),
        jobs_(JobService::NewStub(channel)),
        clock_(clock),
        interrupt_(interrupt) {}

  CAIRN_MAINTENANCE_CALL(tasks_, StartTask)
  CAIRN_MAINTENANCE_CALL(tasks_, GetTask)
  CAIRN_MAINTENANCE_CALL(tasks_, ListTasks)
  CAIRN_MAINTENANCE_CALL(tasks_, ListTaskLog)
  CAIRN_MAINTENANCE_CALL(tasks_, CancelTask)
  CAIRN_MAINTENANCE_CALL(tasks_, PauseTask)
  CAIRN_MAINTENANCE_CALL(tasks_, ResumeTask)
  CAIRN_MAINTENANCE_CALL(tasks_, GetVerifyState)
  CAIRN_MAINTENANCE_CALL(jobs_, PutJob)
  CAIRN_MAINTENANCE_CALL(jobs_, GetJob)
  CAIRN_MAINTENANCE_CALL(jobs_, ListJobs)
  CAIRN_MAINTENANCE_CALL(jobs_, DeleteJob)
  CAIRN_MAINTENANCE_CALL(jobs_, RunJob)

  std::unique_ptr<TaskStream> StartWatch(
      const WatchTaskRequest& request) override {
    return std::make_unique<
        GrpcServerStream<WatchTaskRequest, WatchTaskResponse>>(
        request, interrupt_,
        [this](grpc::ClientContext* context, const WatchTaskRequest* sent,
               auto* reactor) {
          tasks_->async()->WatchTask(context, sent, reactor);
        });
  }

  std::unique_ptr<PlanStream> StartPlan(
      const PlanPruneRequest& request) override {
    return std::make_unique<
        GrpcServerStream<PlanPruneRequest, PlanPruneResponse>>(
        request, interrupt_,
        [this](grpc::ClientContext* context, const PlanPruneRequest* sent,
               auto* reactor) {
          tasks_->async()->PlanPrune(context, sent, reactor);
        });
  }

 private:
  const std::unique_ptr<TaskService::Stub> tasks_;
  const std::unique_ptr<JobService::Stub> jobs_;
  const Clock* const clock_;
  const Interrupt* const interrupt_;
};

#undef CAIRN_MAINTENANCE_CALL

}  // namespace

absl::StatusOr<std::unique_ptr<MaintenanceRemote>> ConnectMaintenanceByGrpc(
    const ConnectionOptions& options, const Clock* clock,
    const Interrupt* interrupt) {
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                   OpenGrpcChannel(options));
  return std::make_unique<GrpcMaintenanceRemote>(channel, clock, interrupt);
}

}  // namespace cairn::client
