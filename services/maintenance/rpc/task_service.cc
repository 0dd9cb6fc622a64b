#include "services/maintenance/rpc/task_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/call.h"
#include "common/model/resource_scope.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/time/time_zone.h"
#include "common/wire/scalars.h"
#include "services/maintenance/engine/pack_proofs.h"
#include "services/maintenance/rpc/task_wire.h"

namespace cairn::maintenance {
namespace {

constexpr int kMaxSimulatedSnapshots = 100'000;
constexpr size_t kDecisionsPerMessage = 1000;

absl::StatusOr<TaskRequest> Decode(const Call& call,
                                   const v1::StartTaskRequest& proto) {
  ASSIGN_OR_RETURN(DecodedOptions options, FromProto(proto.options()));
  TaskRequest request;
  request.request_id = proto.request_id();
  request.kind = options.kind;
  request.datastore = std::move(options.datastore);
  request.principal = call.caller.principal;
  request.options = std::move(options.bytes);
  RETURN_IF_ERROR(ValidateTaskRequest(request));
  return request;
}

absl::StatusOr<TaskQuery> Decode(const v1::ListTasksRequest& proto) {
  TaskQuery query;
  if (!proto.datastore().empty()) {
    ASSIGN_OR_RETURN(query.datastore,
                     DatastoreNameFromProto("datastore", proto.datastore()));
  }
  ASSIGN_OR_RETURN(query.kind, FromProto(proto.kind()));
  ASSIGN_OR_RETURN(query.state, FromProto(proto.state()));
  if (!proto.job().empty()) {
    ASSIGN_OR_RETURN(const JobName job, JobNameFromProto("job", proto.job()));
    query.datastore = job.datastore;
    query.job = job.id;
  }
  if (proto.has_not_before()) {
    ASSIGN_OR_RETURN(query.since,
                     TimeFromProto("not_before", proto.not_before()));
  }
  return query;
}

absl::Status SendPlan(const PlannedPrune& planned,
                      MessageWriter<v1::PlanPruneResponse>& messages) {
  v1::PlanPruneResponse response;
  for (const PlannedGroup& group : planned.plan.groups) {
    for (const PlannedSnapshot& snapshot : group.snapshots) {
      v1::PruneDecision& decision = *response.add_decisions();
      decision.set_snapshot(SnapshotName{group.name, snapshot.time}.ToString());
      decision.set_action(ToProto(snapshot.decision.action));
      decision.set_reason(snapshot.decision.reason);
      if (response.decisions_size() < static_cast<int>(kDecisionsPerMessage)) {
        continue;
      }
      if (!messages.Write(std::exchange(response, {}))) {
        return absl::CancelledError("the reader of the plan is gone");
      }
    }
  }
  *response.mutable_result() = ToProto(planned.result);
  messages.Write(std::move(response));
  return absl::OkStatus();
}

absl::Status Simulate(const v1::SimulatePruneRequest& request,
                      v1::SimulatePruneResponse& response) {
  if (request.snapshots_size() > kMaxSimulatedSnapshots) {
    return absl::InvalidArgumentError(absl::StrCat(
        "snapshots has ", request.snapshots_size(), " items, at most ",
        kMaxSimulatedSnapshots, " are allowed"));
  }
  ASSIGN_OR_RETURN(const PruneOptions keep, FromProto(request.keep()));
  const std::string& zone_name = request.keep().time_zone();
  ASSIGN_OR_RETURN(const absl::TimeZone zone,
                   LoadTimeZone(zone_name.empty() ? "UTC" : zone_name));
  std::vector<PruneSnapshot> snapshots;
  for (int i = 0; i < request.snapshots_size(); ++i) {
    const auto& proto = request.snapshots(i);
    ASSIGN_OR_RETURN(
        const int64_t time,
        SnapshotTimeFromProto(IndexedField("snapshots", i), proto.time()));
    snapshots.push_back({.time = time,
                         .is_protected = proto.protected_(),
                         .finished = proto.finished()});
  }
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const PruneSnapshot& a, const PruneSnapshot& b) {
                     return a.time < b.time;
                   });
  const std::vector<PruneDecision> decisions =
      SelectSnapshots(snapshots, keep, zone);
  for (size_t i = 0; i < snapshots.size(); ++i) {
    auto& decision = *response.add_decisions();
    *decision.mutable_time() = SnapshotTimeToProto(snapshots[i].time);
    decision.set_action(ToProto(decisions[i].action));
    decision.set_reason(decisions[i].reason);
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<AuthorizationRow> TaskServiceImpl::Authorization() {
  const std::string service = "cairn.maintenance.v1.TaskService/";
  const DrainRule allow = DrainRule::kAllow;
  const DrainRule refuse = DrainRule::kRefuse;
  // What the task is about, is checked below.
  const ScopeRule name = InDatastore({"name"});
  return {
      {service + "StartTask", kOperators, refuse,
       Within({"options.prune.scope", "options.gc.datastore",
               "options.verify.scope"})},
      {service + "GetTask", kOperators, allow, name},
      {service + "ListTasks", kOperators, allow, InDatastore({"datastore"})},
      {service + "WatchTask", kOperators, DrainRule::kEnd, name},
      {service + "ListTaskLog", kOperators, allow, name},
      {service + "CancelTask", kOperators, allow, name},
      {service + "PauseTask", kOperators, allow, name},
      {service + "ResumeTask", kOperators, allow, name},
      {service + "PlanPrune", kOperators, refuse, Within({"options.scope"})},
      {service + "SimulatePrune", kOperators, allow, Anything()},
      {service + "GetVerifyState", kOperators, allow, Within({"datastore"})},
  };
}

grpc::ServerUnaryReactor* TaskServiceImpl::StartTask(
    grpc::CallbackServerContext* context, const v1::StartTaskRequest* request,
    v1::StartTaskResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const TaskRequest decoded, Decode(call, *request));
        RETURN_IF_ERROR(
            dependencies_.peers.catalog->GetDatastore(call, decoded.datastore)
                .status());
        ASSIGN_OR_RETURN(const StartedTask started,
                         dependencies_.tasks->Start(decoded));
        *response->mutable_task() = ToProto(started.task, 0);
        response->set_attached(started.attached);
        return absl::OkStatus();
      });
}

absl::Status TaskServiceImpl::CheckReach(const Call& call,
                                         const TaskName& name) {
  if (call.caller.scope.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const VersionedTask found,
                   dependencies_.tasks->Get(call, name.datastore, name.id));
  const TaskRequest& request = found.task.request;
  return CheckInScope(call.caller.scope,
                      ResourceOf(request.datastore, request.options));
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* TaskServiceImpl::AnswerWithTask(
    grpc::CallbackServerContext* context, const Request* request,
    Response* response, TaskCall task_call) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const TaskName name,
                         TaskNameFromProto("name", request->name()));
        RETURN_IF_ERROR(CheckReach(call, name));
        ASSIGN_OR_RETURN(
            const VersionedTask task,
            (dependencies_.tasks->*task_call)(call, name.datastore, name.id));
        *response->mutable_task() = ToProto(task.task, task.version);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TaskServiceImpl::GetTask(
    grpc::CallbackServerContext* context, const v1::GetTaskRequest* request,
    v1::GetTaskResponse* response) {
  return AnswerWithTask(context, request, response, &TaskFrontend::Get);
}

grpc::ServerUnaryReactor* TaskServiceImpl::ListTasks(
    grpc::CallbackServerContext* context, const v1::ListTasksRequest* request,
    v1::ListTasksResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const TaskQuery query, Decode(*request));
        ASSIGN_OR_RETURN(
            ListPage<Task> page,
            dependencies_.tasks->List(query, request->active_only(),
                                      {.page_size = request->page_size(),
                                       .page_token = request->page_token()}));
        for (const Task& task : page.items) {
          // A page does not have what tells the resource.
          const absl::Status reach =
              CheckReach(call, {task.request.datastore, task.id});
          if (absl::IsPermissionDenied(reach) || absl::IsNotFound(reach)) {
            continue;
          }
          RETURN_IF_ERROR(reach);
          *response->add_tasks() = ToProto(task, 0);
        }
        response->set_next_page_token(std::move(page.next_page_token));
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::WatchTaskResponse>* TaskServiceImpl::WatchTask(
    grpc::CallbackServerContext* context, const v1::WatchTaskRequest* request) {
  return dispatcher_->ServeServerStream<v1::WatchTaskResponse>(
      context, request,
      [this, text = request->name(), after = request->after_log_sequence()](
          const Call& call,
          MessageWriter<v1::WatchTaskResponse>& messages) -> absl::Status {
        ASSIGN_OR_RETURN(const TaskName name, TaskNameFromProto("name", text));
        RETURN_IF_ERROR(CheckReach(call, name));
        const auto take = [&messages](const VersionedTask& task,
                                      const std::vector<LogLine>& lines) {
          v1::WatchTaskResponse response;
          *response.mutable_task() = ToProto(task.task, task.version);
          for (const LogLine& line : lines) {
            *response.add_lines() = ToProto(line);
          }
          return messages.Write(std::move(response));
        };
        return dependencies_.tasks->Watch(call, name.datastore, name.id, after,
                                          take);
      });
}

grpc::ServerUnaryReactor* TaskServiceImpl::ListTaskLog(
    grpc::CallbackServerContext* context, const v1::ListTaskLogRequest* request,
    v1::ListTaskLogResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const TaskName name,
                         TaskNameFromProto("name", request->name()));
        RETURN_IF_ERROR(CheckReach(call, name));
        const size_t limit =
            request->page_size() == 0
                ? kMaxPageSize
                : std::min<size_t>(request->page_size(), kMaxPageSize);
        ASSIGN_OR_RETURN(
            const std::vector<LogLine> lines,
            dependencies_.tasks->ReadLog(name.datastore, name.id,
                                         request->after_sequence(), limit));
        for (const LogLine& line : lines)
          *response->add_lines() = ToProto(line);
        response->set_done(lines.size() < limit);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TaskServiceImpl::CancelTask(
    grpc::CallbackServerContext* context, const v1::CancelTaskRequest* request,
    v1::CancelTaskResponse* response) {
  return AnswerWithTask(context, request, response, &TaskFrontend::Cancel);
}

grpc::ServerUnaryReactor* TaskServiceImpl::PauseTask(
    grpc::CallbackServerContext* context, const v1::PauseTaskRequest* request,
    v1::PauseTaskResponse* response) {
  return AnswerWithTask(context, request, response, &TaskFrontend::Pause);
}

grpc::ServerUnaryReactor* TaskServiceImpl::ResumeTask(
    grpc::CallbackServerContext* context, const v1::ResumeTaskRequest* request,
    v1::ResumeTaskResponse* response) {
  return AnswerWithTask(context, request, response, &TaskFrontend::Resume);
}

grpc::ServerWriteReactor<v1::PlanPruneResponse>* TaskServiceImpl::PlanPrune(
    grpc::CallbackServerContext* context, const v1::PlanPruneRequest* request) {
  return dispatcher_->ServeServerStream<v1::PlanPruneResponse>(
      context, request,
      [this, options = request->options()](
          const Call& call,
          MessageWriter<v1::PlanPruneResponse>& messages) -> absl::Status {
        ASSIGN_OR_RETURN(const PruneRunOptions asked, FromProto(options));
        ASSIGN_OR_RETURN(const PlannedPrune planned,
                         dependencies_.pruner->Plan(call, asked));
        return SendPlan(planned, messages);
      });
}

grpc::ServerUnaryReactor* TaskServiceImpl::SimulatePrune(
    grpc::CallbackServerContext* context,
    const v1::SimulatePruneRequest* request,
    v1::SimulatePruneResponse* response) {
  return dispatcher_->Serve(context, request, [=](const Call&) {
    return Simulate(*request, *response);
  });
}

grpc::ServerUnaryReactor* TaskServiceImpl::GetVerifyState(
    grpc::CallbackServerContext* context,
    const v1::GetVerifyStateRequest* request,
    v1::GetVerifyStateResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(const VerifyDebt debt,
                         ReadVerifyDebt(call, dependencies_.peers, datastore));
        *response = ToProto(debt);
        return absl::OkStatus();
      });
}

}  // namespace cairn::maintenance
