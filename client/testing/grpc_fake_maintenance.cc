#include "client/testing/grpc_fake_maintenance.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cairn/maintenance/v1/task_service.grpc.pb.h"
#include "cairn/maintenance/v1/token_service.grpc.pb.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/token/token_reasons.h"
#include "common/token/token_text.h"

namespace cairn::client {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else
using grpc::ServerContext;
using grpc::Status;

namespace {

constexpr size_t kPageSize = 2;  // small, so that clients must page
constexpr int64_t kStart = 1'700'000'000;

// Versions count the changes of all tasks since the start of a server.
constexpr uint64_t kFirstVersion = 100;
// How often a watch of a task that does nothing looks whether it is still
// wanted.
constexpr absl::Duration kPoll = absl::Milliseconds(20);

Status Fail(absl::StatusCode code, const std::string& text,
            const char* reason) {
  return ToGrpcStatus(WithReason(absl::Status(code, text), reason));
}

bool IsEnd(TaskState state) {
  return state != TASK_STATE_QUEUED && state != TASK_STATE_RUNNING &&
         state != TASK_STATE_PAUSED;
}

TaskKind KindOf(const TaskOptions& options) {
  return options.has_prune() ? TASK_KIND_PRUNE
         : options.has_gc()  ? TASK_KIND_GC
                             : TASK_KIND_VERIFY;
}

struct FakeTask {
  Task proto;
  FakeMaintenance::Script script;
  std::vector<TaskLogLine> lines;
};

// A page of `all`; the token is the index of its first element.
template <typename T, typename Add>
std::string TakePage(const std::vector<T>& all, const std::string& token,
                     Add add) {
  size_t from = 0;
  if (!token.empty() && !absl::SimpleAtoi(token, &from)) return "";
  const size_t end = std::min(all.size(), from + kPageSize);
  for (size_t i = from; i < end; ++i) add(all[i]);
  return end < all.size() ? absl::StrCat(end) : "";
}

}  // namespace

struct FakeMaintenance::State {
  mutable absl::Mutex mutex;
  Script script ABSL_GUARDED_BY(mutex);
  Faults faults ABSL_GUARDED_BY(mutex);
  std::vector<FakeTask> tasks ABSL_GUARDED_BY(mutex);
  std::map<std::string, Job> jobs ABSL_GUARDED_BY(mutex);
  std::vector<PlanPruneResponse> plan ABSL_GUARDED_BY(mutex);
  PruneOptions planned ABSL_GUARDED_BY(mutex);
  ListTasksRequest listed ABSL_GUARDED_BY(mutex);
  int watches ABSL_GUARDED_BY(mutex) = 0;
  std::vector<Token> tokens ABSL_GUARDED_BY(mutex);
  std::vector<CreateTokenRequest> token_requests ABSL_GUARDED_BY(mutex);
  std::string authorization ABSL_GUARDED_BY(mutex);

  static bool Take(int* left) {
    if (*left <= 0) return false;
    --*left;
    return true;
  }

  Status CheckAvailable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return Take(&faults.unavailable_calls)
               ? Status(grpc::StatusCode::UNAVAILABLE, "out for a walk")
               : Status::OK;
  }

  FakeTask* Find(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    for (FakeTask& task : tasks) {
      if (task.proto.name() == name) return &task;
    }
    return nullptr;
  }

  // Starts a task, or finds that of the request id.
  template <typename Response>
  Status Start(const std::string& request_id, const TaskOptions& options,
               const std::string& job, Response* response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (request_id.empty()) {
      return Fail(absl::StatusCode::kInvalidArgument, "no request id", "");
    }
    for (const FakeTask& task : tasks) {
      if (task.proto.request_id() != request_id) continue;
      if (task.proto.options().SerializeAsString() !=
          options.SerializeAsString()) {
        return Fail(absl::StatusCode::kInvalidArgument,
                    "the request id is that of another task",
                    reason::kRequestIdReused);
      }
      *response->mutable_task() = task.proto;
      response->set_attached(true);
      return Status::OK;
    }
    for (const FakeTask& task : tasks) {
      if (task.proto.kind() == KindOf(options) && !IsEnd(task.proto.state())) {
        return Fail(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat(task.proto.name(), " runs"),
                    reason::kTaskRunning);
      }
    }
    FakeTask task = {.script = script};
    const size_t number = tasks.size() + 1;
    task.proto.set_name(absl::StrFormat(
        "datastores/default/tasks/%08x-0000-4000-8000-00000000000%d",
        0xabcd0000 + number * 0x101, number % 10));
    task.proto.set_request_id(request_id);
    task.proto.set_version(kFirstVersion);
    task.proto.set_kind(KindOf(options));
    *task.proto.mutable_options() = options;
    task.proto.set_job(job);
    task.proto.set_principal("uid 0");
    task.proto.set_state(TASK_STATE_RUNNING);
    task.proto.set_phase("begin");
    task.proto.mutable_create_time()->set_seconds(kStart);
    task.proto.mutable_start_time()->set_seconds(kStart + 1);
    *response->mutable_task() = task.proto;
    tasks.push_back(std::move(task));
    return Take(&faults.lost_starts)
               ? Status(grpc::StatusCode::UNAVAILABLE, "lost on the way")
               : Status::OK;
  }

  static void End(TaskState state, FakeTask& task) {
    task.proto.set_state(state);
    task.proto.mutable_end_time()->set_seconds(kStart + 61);
    if (state == TASK_STATE_SUCCEEDED) {
      *task.proto.mutable_result() = task.script.result;
    }
    if (!task.script.status.ok()) {
      const grpc::Status status = ToGrpcStatus(task.script.status);
      task.proto.mutable_status()->ParseFromString(status.error_details());
      task.proto.mutable_status()->set_code(status.error_code());
      task.proto.mutable_status()->set_message(status.error_message());
    }
  }

  // Goes a step, if there is one to go.
  static void Step(FakeTask& task) {
    const size_t done = task.lines.size();
    if (task.proto.state() != TASK_STATE_RUNNING) return;
    task.proto.set_version(task.proto.version() + 1);
    if (done < task.script.lines.size()) {
      TaskLogLine line;
      line.set_sequence(done + 1);
      line.set_severity(TaskLogLine::INFO);
      line.mutable_time()->set_seconds(kStart + static_cast<int64_t>(done));
      line.set_text(task.script.lines[done]);
      task.lines.push_back(line);
      task.proto.set_phase(absl::StrCat("step ", done + 1));
      task.proto.clear_counters();
      auto* const counter = task.proto.add_counters();
      counter->set_name("freed_bytes");
      counter->set_value((done + 1) << 20);
    }
    if (task.lines.size() == task.script.lines.size() && !task.script.endless) {
      End(task.script.end, task);
    }
  }
};

class FakeMaintenance::Tasks final : public TaskService::Service {
 public:
  explicit Tasks(State* state) : state_(state) {}

  Status StartTask(ServerContext*, const StartTaskRequest* request,
                   StartTaskResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    if (Status out = state_->CheckAvailable(); !out.ok()) return out;
    return state_->Start(request->request_id(), request->options(), "",
                         response);
  }

  Status GetTask(ServerContext*, const GetTaskRequest* request,
                 GetTaskResponse* response) override {
    return WithTask(request->name(), [&](FakeTask& task) {
      *response->mutable_task() = task.proto;
      return Status::OK;
    });
  }

  Status ListTasks(ServerContext*, const ListTasksRequest* request,
                   ListTasksResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    if (Status out = state_->CheckAvailable(); !out.ok()) return out;
    state_->listed = *request;
    std::vector<Task> found;
    for (const FakeTask& task : state_->tasks) {
      if (request->active_only() && IsEnd(task.proto.state())) continue;
      if (request->kind() != TASK_KIND_UNSPECIFIED &&
          request->kind() != task.proto.kind()) {
        continue;
      }
      found.insert(found.begin(), task.proto);
      found.front().clear_result();
    }
    response->set_next_page_token(
        TakePage(found, request->page_token(),
                 [&](const Task& task) { *response->add_tasks() = task; }));
    return Status::OK;
  }

  Status WatchTask(ServerContext* context, const WatchTaskRequest* request,
                   grpc::ServerWriter<WatchTaskResponse>* writer) override {
    {
      absl::MutexLock lock(&state_->mutex);
      ++state_->watches;
    }
    uint64_t told = request->after_log_sequence();
    while (!context->IsCancelled()) {
      WatchTaskResponse message;
      const Status found = WithTask(request->name(), [&](FakeTask& task) {
        State::Step(task);
        *message.mutable_task() = task.proto;
        for (const TaskLogLine& line : task.lines) {
          // A line before the one that was asked for does no harm.
          if (line.sequence() >= told) *message.add_lines() = line;
        }
        return Status::OK;
      });
      if (!found.ok()) return found;
      told = std::max(told, static_cast<uint64_t>(
                                message.lines_size() == 0
                                    ? 0
                                    : message.lines().rbegin()->sequence()));
      if (!writer->Write(message)) break;
      if (IsEnd(message.task().state())) return Status::OK;
      if (CutsWatch(request->name())) return WatchCut();
      absl::MutexLock lock(&state_->mutex);
      bool never = false;
      if (message.lines_size() == 0) {
        state_->mutex.AwaitWithTimeout(absl::Condition(&never), kPoll);
      }
    }
    return Status::CANCELLED;
  }

  Status ListTaskLog(ServerContext*, const ListTaskLogRequest* request,
                     ListTaskLogResponse* response) override {
    return WithTask(request->name(), [&](FakeTask& task) {
      for (const TaskLogLine& line : task.lines) {
        if (line.sequence() > request->after_sequence() &&
            response->lines_size() < static_cast<int>(kPageSize)) {
          *response->add_lines() = line;
        }
      }
      response->set_done(
          IsEnd(task.proto.state()) &&
          request->after_sequence() +
                  static_cast<uint64_t>(response->lines_size()) ==
              task.lines.size());
      return Status::OK;
    });
  }

  Status CancelTask(ServerContext*, const CancelTaskRequest* request,
                    CancelTaskResponse* response) override {
    return WithTask(request->name(), [&](FakeTask& task) {
      return Change(TASK_STATE_CANCELLED, task, response);
    });
  }
  Status PauseTask(ServerContext*, const PauseTaskRequest* request,
                   PauseTaskResponse* response) override {
    return WithTask(request->name(), [&](FakeTask& task) {
      return Change(TASK_STATE_PAUSED, task, response);
    });
  }
  Status ResumeTask(ServerContext*, const ResumeTaskRequest* request,
                    ResumeTaskResponse* response) override {
    return WithTask(request->name(), [&](FakeTask& task) {
      return Change(TASK_STATE_RUNNING, task, response);
    });
  }

  Status PlanPrune(ServerContext*, const PlanPruneRequest* request,
                   grpc::ServerWriter<PlanPruneResponse>* writer) override {
    absl::MutexLock lock(&state_->mutex);
    state_->planned = request->options();
    const bool cut = State::Take(&state_->faults.plan_cuts);
    for (const PlanPruneResponse& message : state_->plan) {
      if (!writer->Write(message)) break;
      if (cut) return Status(grpc::StatusCode::UNAVAILABLE, "the plan broke");
    }
    return Status::OK;
  }

  Status GetVerifyState(ServerContext*, const GetVerifyStateRequest*,
                        GetVerifyStateResponse* response) override {
    response->set_pack_bytes(4096);
    response->set_never_proved_bytes(1024);
    response->mutable_oldest_proof()->set_seconds(kStart);
    auto* const age = response->add_ages();
    age->mutable_within()->set_seconds(7 * 86400);
    age->set_bytes(2048);
    return Status::OK;
  }

 private:
  bool CutsWatch(const std::string& name) {
    absl::MutexLock lock(&state_->mutex);
    if (!State::Take(&state_->faults.watch_cuts)) return false;
    FakeTask* const task = state_->Find(name);
    if (state_->faults.restarts && task != nullptr) task->proto.set_version(0);
    return true;
  }

  Status WatchCut() {
    absl::MutexLock lock(&state_->mutex);
    return Status(static_cast<grpc::StatusCode>(state_->faults.watch_code),
                  "the watch broke");
  }

  template <typename Do>
  Status WithTask(const std::string& name, Do act) {
    absl::MutexLock lock(&state_->mutex);
    if (Status out = state_->CheckAvailable(); !out.ok()) return out;
    FakeTask* const task = state_->Find(name);
    if (task == nullptr) {
      return Fail(absl::StatusCode::kNotFound, absl::StrCat("no task ", name),
                  reason::kTaskUnknown);
    }
    return act(*task);
  }

  template <typename Response>
  static Status Change(TaskState state, FakeTask& task, Response* response) {
    if (IsEnd(task.proto.state())) {
      return Fail(absl::StatusCode::kFailedPrecondition,
                  absl::StrCat(task.proto.name(), " has ended"),
                  reason::kTaskState);
    }
    task.proto.set_version(task.proto.version() + 1);
    task.proto.set_state(state);
    if (IsEnd(state)) State::End(state, task);
    *response->mutable_task() = task.proto;
    return Status::OK;
  }

  State* const state_;
};

class FakeMaintenance::Jobs final : public JobService::Service {
 public:
  explicit Jobs(State* state) : state_(state) {}

  Status PutJob(ServerContext*, const PutJobRequest* request,
                PutJobResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    Job& job = state_->jobs[request->job().name()];
    job = request->job();
    if (job.enabled() && !job.schedule().empty()) {
      job.mutable_next_run()->set_seconds(kStart + 86400);
    } else {
      job.clear_next_run();
    }
    *response->mutable_job() = job;
    return Status::OK;
  }

  Status GetJob(ServerContext*, const GetJobRequest* request,
                GetJobResponse* response) override {
    return WithJob(request->name(), [&](Job& job) {
      *response->mutable_job() = job;
      return Status::OK;
    });
  }

  Status ListJobs(ServerContext*, const ListJobsRequest* request,
                  ListJobsResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    std::vector<Job> found;
    for (const auto& [name, job] : state_->jobs) found.push_back(job);
    response->set_next_page_token(
        TakePage(found, request->page_token(),
                 [&](const Job& job) { *response->add_jobs() = job; }));
    return Status::OK;
  }

  Status DeleteJob(ServerContext*, const DeleteJobRequest* request,
                   DeleteJobResponse*) override {
    return WithJob(request->name(), [&](Job& job) {
      state_->mutex.AssertHeld();
      state_->jobs.erase(std::string(job.name()));
      return Status::OK;
    });
  }

  Status RunJob(ServerContext*, const RunJobRequest* request,
                RunJobResponse* response) override {
    return WithJob(request->name(), [&](Job& job) {
      state_->mutex.AssertHeld();
      const Status started = state_->Start(request->request_id(), job.options(),
                                           job.name(), response);
      job.mutable_last_run()->set_seconds(kStart);
      job.set_last_task(response->task().name());
      job.set_last_state(response->task().state());
      return started;
    });
  }

 private:
  template <typename Do>
  Status WithJob(const std::string& name, Do act) {
    absl::MutexLock lock(&state_->mutex);
    if (Status out = state_->CheckAvailable(); !out.ok()) return out;
    const auto found = state_->jobs.find(name);
    if (found == state_->jobs.end()) {
      return Fail(absl::StatusCode::kNotFound, absl::StrCat("no job ", name),
                  reason::kJobUnknown);
    }
    return act(found->second);
  }

  State* const state_;
};

class FakeMaintenance::Tokens final : public TokenService::Service {
 public:
  explicit Tokens(State* state) : state_(state) {}

  Status CreateToken(ServerContext* context, const CreateTokenRequest* request,
                     CreateTokenResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    Note(*context);
    if (Status out = state_->CheckAvailable(); !out.ok()) return out;
    state_->token_requests.push_back(*request);
    for (const Token& token : state_->tokens) {
      if (token.name() != request->name() || token.has_revoke_time()) continue;
      return Fail(absl::StatusCode::kAlreadyExists, "token exists",
                  reason::kTokenExists);
    }
    Uuid id;
    id.bytes[0] = static_cast<uint8_t>(state_->tokens.size());
    Token token;
    token.set_id(FormatTokenId(id));
    token.set_name(request->name());
    token.set_role(request->role());
    token.set_scope(request->scope());
    token.set_created_by("ann@unix");
    token.set_state(TOKEN_STATE_ACTIVE);
    token.mutable_create_time()->set_seconds(kStart);
    if (!request->never_expires()) {
      token.mutable_expire_time()->set_seconds(
          kStart +
          (request->has_lifetime() ? request->lifetime().seconds() : 7776000));
    }
    *response->mutable_token() = token;
    response->set_text(
        FormatTokenText(id, std::string(kTokenSecretBytes, '\1')));
    state_->tokens.push_back(token);
    return Status::OK;
  }

  Status ListTokens(ServerContext* context, const ListTokensRequest* request,
                    ListTokensResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    Note(*context);
    std::vector<Token> found;
    for (const Token& token : state_->tokens) {
      if (request->active_only() && token.has_revoke_time()) continue;
      found.push_back(token);
    }
    response->set_next_page_token(
        TakePage(found, request->page_token(),
                 [&](const Token& token) { *response->add_tokens() = token; }));
    return Status::OK;
  }

  Status RevokeToken(ServerContext* context, const RevokeTokenRequest* request,
                     RevokeTokenResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    Note(*context);
    for (Token& token : state_->tokens) {
      if (token.name() != request->name() && token.id() != request->id()) {
        continue;
      }
      token.set_state(TOKEN_STATE_REVOKED);
      token.mutable_revoke_time()->set_seconds(kStart + 1);
      *response->mutable_token() = token;
      return Status::OK;
    }
    return Fail(absl::StatusCode::kNotFound, "no such token",
                reason::kTokenUnknown);
  }

 private:
  void Note(const ServerContext& context) {
    state_->mutex.AssertHeld();
    state_->authorization.clear();
    for (const auto& [key, value] : context.client_metadata()) {
      if (key != "authorization") continue;
      state_->authorization.append(value.data(), value.size());
    }
  }

  State* const state_;
};

FakeMaintenance::FakeMaintenance()
    : state_(std::make_unique<State>()),
      tasks_(std::make_unique<Tasks>(state_.get())),
      jobs_(std::make_unique<Jobs>(state_.get())),
      tokens_(std::make_unique<Tokens>(state_.get())) {
  socket_.Serve({tasks_.get(), jobs_.get(), tokens_.get()});
}

FakeMaintenance::~FakeMaintenance() { socket_.Stop(); }

void FakeMaintenance::SetScript(const Script& script) {
  absl::MutexLock lock(&state_->mutex);
  state_->script = script;
}

void FakeMaintenance::SetFaults(const Faults& faults) {
  absl::MutexLock lock(&state_->mutex);
  state_->faults = faults;
}

void FakeMaintenance::SetPlan(std::vector<PlanPruneResponse> plan) {
  absl::MutexLock lock(&state_->mutex);
  state_->plan = std::move(plan);
}

std::vector<Task> FakeMaintenance::tasks() const {
  absl::MutexLock lock(&state_->mutex);
  std::vector<Task> tasks;
  for (const FakeTask& task : state_->tasks) tasks.push_back(task.proto);
  return tasks;
}

PruneOptions FakeMaintenance::planned() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->planned;
}

ListTasksRequest FakeMaintenance::listed() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->listed;
}

int FakeMaintenance::watches() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->watches;
}

std::vector<Token> FakeMaintenance::tokens() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->tokens;
}

std::vector<CreateTokenRequest> FakeMaintenance::token_requests() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->token_requests;
}

std::string FakeMaintenance::authorization() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->authorization;
}

}  // namespace cairn::client
