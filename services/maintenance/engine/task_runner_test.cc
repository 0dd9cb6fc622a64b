#include "services/maintenance/engine/task_runner.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/metrics/metric_registry.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_index.h"
#include "services/maintenance/engine/job_frontend.h"
#include "services/maintenance/engine/job_scheduler.h"
#include "services/maintenance/engine/task_frontend.h"
#include "services/maintenance/engine/task_suite.h"
#include "services/maintenance/metrics.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TaskRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }

  // A new process over what is durable.
  void Start() {
    frontend_.reset();
    runner_.reset();
    ASSERT_OK(suite_.Start());
    runner_ = std::make_unique<TaskRunner>(
        options_, TaskRunner::Dependencies{
                      .clock = &suite_.clock,
                      .executor = &suite_.executor,
                      .tasks = suite_.tasks.get(),
                      .metrics = &metrics_,
                      .work = [this](const Task& task, RunControl& control) {
                        ++runs_;
                        return work_ ? work_(task, control)
                                     : absl::StatusOr<std::string>("result");
                      }});
    frontend_ = std::make_unique<TaskFrontend>(
        TaskFrontend::Options{},
        TaskFrontend::Dependencies{.tasks = suite_.tasks.get(),
                                   .runner = runner_.get()});
  }

  absl::StatusOr<StartedTask> Begin(const std::string& request_id,
                                    TaskKind kind = TaskKind::kGc,
                                    const std::string& datastore = "main") {
    TaskRequest request = TaskSuite::Request(request_id, datastore);
    request.kind = kind;
    return frontend_->Start(request);
  }
  Task Get(const Uuid& id) {
    const auto task = suite_.tasks->Get("main", id);
    EXPECT_OK(task);
    return task.value_or(Task{});
  }

  MetricRegistry registry_;
  MaintenanceMetrics metrics_{&registry_};
  TaskSuite suite_;
  TaskRunner::Options options_;
  std::unique_ptr<TaskRunner> runner_;
  std::unique_ptr<TaskFrontend> frontend_;
  std::function<absl::StatusOr<std::string>(const Task&, RunControl&)> work_;
  int runs_ = 0;
};

TEST_F(TaskRunnerTest, RunsATaskToItsEnd) {
  work_ = [](const Task&, RunControl& control) -> absl::StatusOr<std::string> {
    control.SetPhase("mark");
    control.SetCounter("pages", 7);
    control.Log(LogLevel::kInfo, "a line");
    RETURN_IF_ERROR(control.Checkpoint());
    return "what came of it";
  };
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  EXPECT_FALSE(started.attached);
  EXPECT_EQ(Get(started.task.id).state, TaskState::kQueued);
  suite_.executor.Run();
  const Task task = Get(started.task.id);
  EXPECT_EQ(task.state, TaskState::kSucceeded);
  EXPECT_EQ(task.result, "what came of it");
  EXPECT_EQ(task.counters, (std::vector<TaskCounter>{{"pages", 7}}));
  EXPECT_EQ(runner_->running(), 0u);
  EXPECT_EQ(
      metrics_.task_runs.at({TaskKind::kGc, TaskState::kSucceeded})->Value(),
      1);
  EXPECT_EQ(metrics_.tasks_running.at(TaskKind::kGc)->Value(), 0);
}

TEST_F(TaskRunnerTest, ShowsThePhaseOfARun) {
  const auto in = [this](const std::string& phase) {
    return metrics_.task_phases.at({TaskKind::kGc, phase})->Value();
  };
  work_ = [&](const Task&, RunControl& control) {
    control.SetPhase("mark");
    EXPECT_EQ(in("mark"), 1);
    control.SetPhase("sweep");
    EXPECT_EQ(in("mark"), 0);
    EXPECT_EQ(in("sweep"), 1);
    // One that nobody has heard of.
    control.SetPhase("rest");
    EXPECT_EQ(in("sweep"), 0);
    control.SetPhase("end");
    return absl::StatusOr<std::string>("done");
  };
  ASSERT_OK(Begin("one"));
  suite_.executor.Run();
  for (const auto& [of, gauge] : metrics_.task_phases) {
    EXPECT_EQ(gauge->Value(), 0) << of.second;
  }
}

TEST_F(TaskRunnerTest, ARestartShowsWhatSucceededBefore) {
  constexpr char kSeries[] = "cairn_gc_last_success_timestamp_seconds";
  ASSERT_OK(Begin("one"));
  suite_.executor.Run();
  suite_.clock.Advance(absl::Hours(1));
  const int64_t last = absl::ToUnixSeconds(suite_.clock.Now());
  ASSERT_OK(Begin("two"));
  suite_.executor.Run();
  suite_.clock.Advance(absl::Hours(1));
  work_ = [](const Task&, RunControl&) {
    return absl::StatusOr<std::string>(absl::InternalError("no"));
  };
  ASSERT_OK(Begin("three"));
  ASSERT_OK(Begin("verify", TaskKind::kVerify));
  suite_.executor.Run();
  frontend_.reset();
  runner_.reset();
  MetricRegistry registry;
  MaintenanceMetrics metrics(&registry);
  ASSERT_OK(suite_.Start());
  const TaskRunner runner({}, {.clock = &suite_.clock,
                               .executor = &suite_.executor,
                               .tasks = suite_.tasks.get(),
                               .metrics = &metrics});
  const std::string text = registry.Text();
  EXPECT_THAT(text,
              HasSubstr(absl::StrCat(kSeries, "{datastore=\"main\"} ", last)));
  EXPECT_THAT(text, Not(HasSubstr("cairn_verify_last_success")));
  // There is a datastore; whatever never succeeded on it shows as 0.
  metrics.ShowDatastore("main");
  EXPECT_THAT(registry.Text(),
              HasSubstr("cairn_verify_last_success_timestamp_seconds{datastore="
                        "\"main\"} 0\n"));
  EXPECT_THAT(registry.Text(),
              HasSubstr(absl::StrCat(kSeries, "{datastore=\"main\"} ", last)));
}

// Issue 5, "done when" 7.
TEST_F(TaskRunnerTest, TheSameRequestRunsOnce) {
  ASSERT_OK_AND_ASSIGN(const StartedTask first, Begin("X"));
  ASSERT_OK_AND_ASSIGN(StartedTask again, Begin("X"));
  EXPECT_TRUE(again.attached);
  EXPECT_EQ(again.task.id, first.task.id);
  suite_.executor.Run();
  ASSERT_OK_AND_ASSIGN(again, Begin("X"));
  EXPECT_TRUE(again.attached);
  Start();
  ASSERT_OK_AND_ASSIGN(again, Begin("X"));
  EXPECT_TRUE(again.attached);
  EXPECT_EQ(again.task.state, TaskState::kSucceeded);
  suite_.executor.Run();
  EXPECT_EQ(runs_, 1);
  EXPECT_THAT(Begin("X", TaskKind::kVerify),
              HasReasonCode(reason::kRequestIdReused));
}

TEST_F(TaskRunnerTest, OneOfAKindAndDatastoreAtATime) {
  ASSERT_OK_AND_ASSIGN(const StartedTask first, Begin("one"));
  const auto second = Begin("two");
  EXPECT_THAT(second, HasReasonCode(reason::kTaskRunning));
  EXPECT_EQ(ReasonOf(second.status())->metadata.at("task"),
            first.task.id.ToString());
  EXPECT_OK(Begin("three", TaskKind::kVerify));
  EXPECT_OK(Begin("one", TaskKind::kGc, "other"));
  suite_.executor.Run();
  EXPECT_OK(Begin("two")) << "what was refused left nothing behind";
}

TEST_F(TaskRunnerTest, NoMoreThanItHasThreadsFor) {
  options_.max_running = 2;
  Start();
  ASSERT_OK(Begin("one"));
  ASSERT_OK(Begin("two", TaskKind::kVerify));
  EXPECT_THAT(Begin("three", TaskKind::kPrune),
              HasReasonCode(reason::kLimitExceeded));
  suite_.executor.Run();
  EXPECT_OK(Begin("three", TaskKind::kPrune));
}

TEST_F(TaskRunnerTest, AFailureIsKeptWithItsText) {
  work_ = [](const Task&, RunControl&) {
    return absl::StatusOr<std::string>(
        absl::DataLossError("page 7 is damaged"));
  };
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  suite_.executor.Run();
  const Task task = Get(started.task.id);
  EXPECT_EQ(task.state, TaskState::kFailed);
  EXPECT_THAT(task.status, StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(const auto lines,
                       frontend_->ReadLog("main", started.task.id, 0, 100));
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back().level, LogLevel::kError);
}

TEST_F(TaskRunnerTest, CancelStopsItAtItsNextStep) {
  Uuid id;
  work_ = [&](const Task&, RunControl& control) -> absl::StatusOr<std::string> {
    RETURN_IF_ERROR(frontend_->Cancel(suite_.call, "main", id).status());
    EXPECT_TRUE(control.cancellation()->cancelled()) << "calls end too";
    RETURN_IF_ERROR(control.Checkpoint());
    return "it went on";
  };
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  id = started.task.id;
  suite_.executor.Run();
  EXPECT_EQ(Get(id).state, TaskState::kCancelled);
  EXPECT_THAT(frontend_->Cancel(suite_.call, "main", id),
              HasReasonCode(reason::kTaskState));
}

TEST_F(TaskRunnerTest, OneThatIsCancelledInTheQueueIsNotRun) {
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  ASSERT_OK(frontend_->Cancel(suite_.call, "main", started.task.id));
  suite_.executor.Run();
  EXPECT_EQ(runs_, 0);
  EXPECT_EQ(runner_->running(), 0u);
  EXPECT_OK(Begin("two"));
}

TEST_F(TaskRunnerTest, WhatRunsWhenTheProcessEndsIsInterrupted) {
  work_ = [&](const Task&, RunControl& control) -> absl::StatusOr<std::string> {
    runner_->Drain();
    RETURN_IF_ERROR(control.Checkpoint());
    return "it went on";
  };
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  suite_.executor.Run();
  runner_->Stop();
  EXPECT_THAT(Begin("two"), HasReasonCode(reason::kDraining));
  EXPECT_THAT(Begin("one"), IsOk()) << "what is known is still told";
  Start();
  EXPECT_EQ(Get(started.task.id).state, TaskState::kInterrupted);
  work_ = nullptr;
  EXPECT_OK(Begin("two"));
}

TEST_F(TaskRunnerTest, APausedTaskDoesNotHoldUpTheEnd) {
  work_ = [&](const Task& task,
              RunControl& control) -> absl::StatusOr<std::string> {
    RETURN_IF_ERROR(frontend_->Pause(suite_.call, "main", task.id).status());
    // Somebody ends the process while it stands still.
    suite_.executor.ScheduleAfter(absl::Seconds(5), [&] { runner_->Drain(); });
    RETURN_IF_ERROR(control.Checkpoint());
    return "it went on";
  };
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  suite_.executor.Run();
  EXPECT_EQ(runner_->running(), 0u);
  Start();
  EXPECT_EQ(Get(started.task.id).state, TaskState::kInterrupted);
}

TEST_F(TaskRunnerTest, WatchTellsEachChangeAndTheEnd) {
  work_ = [](const Task&, RunControl& control) -> absl::StatusOr<std::string> {
    control.SetPhase("mark");
    control.Log(LogLevel::kInfo, "first");
    control.Log(LogLevel::kInfo, "second");
    return "done";
  };
  ASSERT_OK_AND_ASSIGN(const StartedTask started, Begin("one"));
  const absl::Time before = suite_.clock.Now();
  std::vector<TaskState> states;
  std::vector<std::string> lines;
  ASSERT_OK(frontend_->Watch(
      suite_.call, "main", started.task.id, 0,
      [&](const VersionedTask& task, const std::vector<LogLine>& more) {
        states.push_back(task.task.state);
        for (const LogLine& line : more) lines.push_back(line.text);
        return true;
      }));
  EXPECT_EQ(states.front(), TaskState::kQueued);
  EXPECT_EQ(states.back(), TaskState::kSucceeded);
  EXPECT_LE(states.size(), 3u) << "no more often than twice a second";
  EXPECT_EQ(suite_.clock.Now(), before) << "the end waits for nothing";
  EXPECT_EQ(lines, (std::vector<std::string>{"first", "second"}));
  EXPECT_THAT(frontend_->Watch(suite_.call, "main", TaskSuite::Id(999), 0,
                               [](const auto&, const auto&) { return true; }),
              HasReasonCode(reason::kTaskUnknown));
}

class JobFrontendTest : public TaskRunnerTest {
 protected:
  void SetUp() override {
    TaskRunnerTest::SetUp();
    DatastoreRef ref;
    ref.uuid.bytes[0] = 1;
    index_.AddDatastore("main", ref);
    jobs_ = std::make_unique<JobFrontend>(
        JobFrontend::Dependencies{.catalog = &index_,
                                  .jobs = suite_.jobs.get(),
                                  .tasks = frontend_.get()});
  }

  FakeIndex index_;
  std::unique_ptr<JobFrontend> jobs_;
};

TEST_F(JobFrontendTest, PutCreatesAndReplaces) {
  Job job = TaskSuite::MakeJob("nightly", "daily");
  ASSERT_OK(jobs_->Put(suite_.call, job));
  job.comment = "changed";
  ASSERT_OK(jobs_->Put(suite_.call, job));
  ASSERT_OK_AND_ASSIGN(const JobView view,
                       jobs_->Get(suite_.call, "main", "nightly"));
  EXPECT_EQ(view.job.comment, "changed");
  job.datastore = "other";
  EXPECT_THAT(jobs_->Put(suite_.call, job),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(jobs_->Get(suite_.call, "main", "weekly"),
              HasReasonCode(reason::kJobUnknown));
  EXPECT_OK(jobs_->Remove("main", "nightly"));
  EXPECT_THAT(jobs_->Remove("main", "nightly"),
              HasReasonCode(reason::kJobUnknown));
}

TEST_F(JobFrontendTest, RunsByHandOnceForARequest) {
  ASSERT_OK(jobs_->Put(suite_.call, TaskSuite::MakeJob("nightly", "")));
  ASSERT_OK_AND_ASSIGN(const StartedTask started,
                       jobs_->Run(suite_.call, "main", "nightly", "X"));
  suite_.executor.Run();
  ASSERT_OK_AND_ASSIGN(const StartedTask again,
                       jobs_->Run(suite_.call, "main", "nightly", "X"));
  EXPECT_TRUE(again.attached);
  suite_.executor.Run();
  EXPECT_EQ(runs_, 1);
  const Task task = Get(started.task.id);
  EXPECT_EQ(task.request.job, "nightly");
  EXPECT_EQ(task.request.principal, "root@unix");
  ASSERT_OK_AND_ASSIGN(const JobView view,
                       jobs_->Get(suite_.call, "main", "nightly"));
  EXPECT_EQ(view.state.last_task, started.task.id);
}

TEST_F(JobFrontendTest, TheScheduleWaitsForATaskOfTheSameKind) {
  const Job job = TaskSuite::MakeJob("nightly", "daily");
  ASSERT_OK(jobs_->Put(suite_.call, job));
  ASSERT_OK(Begin("by hand"));
  EXPECT_THAT(jobs_->StartDue(job, "due"),
              StatusIs(absl::StatusCode::kUnavailable));
  suite_.executor.Run();
  EXPECT_OK(jobs_->StartDue(job, "due"));
}

TEST_F(JobFrontendTest, TheScheduleRunsIt) {
  ASSERT_OK(jobs_->Put(suite_.call, TaskSuite::MakeJob("nightly", "daily")));
  JobScheduler scheduler(
      {},
      {.clock = &suite_.clock,
       .executor = &suite_.executor,
       .jobs = suite_.jobs.get(),
       .tasks = suite_.tasks.get()},
      [this](const Call&, const Job& job, const std::string& request_id) {
        return jobs_->StartDue(job, request_id);
      });
  scheduler.Begin();
  suite_.executor.AdvanceAndRun(absl::Hours(24 * 3));
  EXPECT_EQ(runs_, 3);
  ASSERT_OK_AND_ASSIGN(const JobView view,
                       jobs_->Get(suite_.call, "main", "nightly"));
  EXPECT_EQ(view.state.last_result, "succeeded");
  scheduler.Stop();
}

}  // namespace
}  // namespace cairn::maintenance
