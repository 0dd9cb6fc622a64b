#include "services/maintenance/engine/task_registry.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/task_suite.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

class TaskRegistryTest : public ::testing::Test {
 protected:
  TaskRegistryTest() { EXPECT_THAT(suite_.Start(), IsOk()); }

  TaskRegistry& tasks() { return *suite_.tasks; }
  Task Get(const Uuid& id, const std::string& datastore = "main") {
    const auto task = tasks().Get(datastore, id);
    EXPECT_OK(task);
    return task.ok() ? *task : Task();
  }
  std::vector<std::string> LogOf(const Uuid& id) {
    std::vector<std::string> texts;
    const auto lines = tasks().ReadLog("main", id, 0, 1000);
    EXPECT_OK(lines);
    if (!lines.ok()) return texts;
    for (const LogLine& line : *lines) {
      texts.push_back(absl::StrCat(LogLevelName(line.level), " ", line.text));
    }
    return texts;
  }
  // Ends a task with success.
  Uuid CreateAndEnd(const std::string& request_id) {
    auto run = suite_.CreateAndBegin(request_id);
    EXPECT_OK(run);
    const Uuid id = run->id();
    EXPECT_OK(run->Finish(absl::OkStatus(), "result"));
    return id;
  }
  std::vector<std::string> ListIds(const TaskQuery& query, uint32_t page_size) {
    std::vector<std::string> ids;
    PageRequest request{.page_size = page_size};
    do {
      const auto page = tasks().List(query, request);
      EXPECT_OK(page);
      if (!page.ok()) return ids;
      for (const Task& task : page->items) {
        ids.push_back(task.request.request_id);
        EXPECT_EQ(task.request.options, "");
        EXPECT_EQ(task.result, "");
      }
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    return ids;
  }

  TaskSuite suite_;
};

TEST_F(TaskRegistryTest, ATaskGoesItsWay) {
  ASSERT_OK_AND_ASSIGN(const StartedTask started,
                       tasks().Create(TaskSuite::Request("r1")));
  EXPECT_FALSE(started.attached);
  EXPECT_EQ(started.task.state, TaskState::kQueued);
  EXPECT_EQ(started.task.create_time, suite_.clock.Now());
  const Uuid id = started.task.id;
  suite_.clock.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(TaskRun run, tasks().Begin("main", id));
  EXPECT_EQ(Get(id).state, TaskState::kRunning);
  EXPECT_EQ(Get(id).start_time, suite_.clock.Now());
  ASSERT_OK(run.Report("mark", {{"pages", 3}, {"chunks", 9}}));
  ASSERT_OK(run.Log(LogLevel::kInfo, "marked\n3 pages"));
  EXPECT_EQ(Get(id).phase, "mark");
  EXPECT_THAT(Get(id).counters,
              ElementsAre(TaskCounter{"pages", 3}, TaskCounter{"chunks", 9}));
  suite_.clock.Advance(absl::Seconds(1));
  ASSERT_OK(run.Finish(absl::OkStatus(), std::string("\0freed", 6)));
  const Task ended = Get(id);
  EXPECT_EQ(ended.state, TaskState::kSucceeded);
  EXPECT_EQ(ended.end_time, suite_.clock.Now());
  EXPECT_EQ(ended.result, std::string("\0freed", 6));
  EXPECT_EQ(ended.request.options, "options");
  EXPECT_EQ(ended.phase, "mark");
  EXPECT_THAT(LogOf(id), ElementsAre("info marked 3 pages"));
}

TEST_F(TaskRegistryTest, ARepeatedStartFindsTheSameTaskWhateverItsState) {
  ASSERT_OK_AND_ASSIGN(const Uuid id, suite_.Create("r1"));
  const auto repeat = [&] { return tasks().Create(TaskSuite::Request("r1")); };
  ASSERT_OK_AND_ASSIGN(StartedTask again, repeat());
  EXPECT_TRUE(again.attached);
  EXPECT_EQ(again.task.id, id);
  ASSERT_OK_AND_ASSIGN(TaskRun run, tasks().Begin("main", id));
  ASSERT_OK_AND_ASSIGN(again, repeat());
  EXPECT_EQ(again.task.state, TaskState::kRunning);
  ASSERT_OK(run.Finish(absl::OkStatus(), "result"));
  ASSERT_OK_AND_ASSIGN(again, repeat());
  EXPECT_TRUE(again.attached);
  EXPECT_EQ(again.task.result, "result");
  ASSERT_OK(suite_.Start());
  ASSERT_OK_AND_ASSIGN(again, repeat());
  EXPECT_EQ(again.task.id, id);
  EXPECT_EQ(again.task.state, TaskState::kSucceeded);
  // In another datastore it is another's.
  ASSERT_OK_AND_ASSIGN(const Uuid other, suite_.Create("r1", "other"));
  EXPECT_NE(other, id);
}

TEST_F(TaskRegistryTest, AnotherStartWithTheSameRequestIdIsRefused) {
  const Uuid ended = CreateAndEnd("r1");
  ASSERT_OK(suite_.Create("r2"));
  for (const char* request_id : {"r1", "r2"}) {
    TaskRequest request = TaskSuite::Request(request_id);
    request.options = "other";
    EXPECT_THAT(tasks().Create(request),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("other options")));
  }
  EXPECT_EQ(Get(ended).request.options, "options");
}

TEST_F(TaskRegistryTest, ActiveTasksAreBoundedInEachDatastore) {
  suite_.options.max_active = 2;
  ASSERT_OK(suite_.Start());
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK(suite_.Create("r2"));
  EXPECT_THAT(suite_.Create("r3"), HasReasonCode(reason::kLimitExceeded));
  EXPECT_THAT(suite_.Create("r3", "other"), IsOk());
  ASSERT_OK_AND_ASSIGN(const StartedTask again,
                       tasks().Create(TaskSuite::Request("r2")));
  EXPECT_TRUE(again.attached) << "a repetition is no new task";
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
  EXPECT_THAT(suite_.Create("r3"), IsOk());
}

TEST_F(TaskRegistryTest, OnlyAQueuedTaskBegins) {
  ASSERT_OK_AND_ASSIGN(const Uuid id, suite_.Create("r1"));
  ASSERT_OK_AND_ASSIGN(TaskRun run, tasks().Begin("main", id));
  EXPECT_THAT(tasks().Begin("main", id),
              StatusIs(kFailedPrecondition, HasSubstr("is running")));
  EXPECT_THAT(tasks().Begin("other", id), StatusIs(kNotFound));
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
  EXPECT_THAT(tasks().Begin("main", id),
              StatusIs(kFailedPrecondition, HasSubstr("is succeeded")));
}

TEST_F(TaskRegistryTest, ARunThatGoesAwayHasFailed) {
  Uuid id;
  {
    ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
    id = run.id();
    const TaskRun moved = std::move(run);
  }
  EXPECT_EQ(Get(id).state, TaskState::kFailed);
  EXPECT_THAT(Get(id).status, StatusIs(absl::StatusCode::kInternal));
}

TEST_F(TaskRegistryTest, FailureAndItsTextAreKept) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  ASSERT_OK(run.Finish(WithReason(absl::DataLossError(absl::StrCat(
                                      "bad\xff", std::string(5000, 'x'))),
                                  reason::kRecordDamaged),
                       "partial"));
  const Task task = Get(id);
  EXPECT_EQ(task.state, TaskState::kFailed);
  EXPECT_EQ(task.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(task.status.message().size(), kMaxStatusLength);
  EXPECT_EQ(task.status.message().substr(0, 4), "bad?");
  EXPECT_THAT(task.status, HasReasonCode(reason::kRecordDamaged));
  EXPECT_EQ(task.result, "partial");
  EXPECT_THAT(LogOf(id), ElementsAre(HasSubstr("error bad?xx")));
}

TEST_F(TaskRegistryTest, AResultThatIsTooLargeIsLeftOut) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  ASSERT_OK(
      run.Finish(absl::OkStatus(), std::string(kMaxResultBytes + 1, 'x')));
  EXPECT_EQ(Get(id).state, TaskState::kSucceeded) << "the work is done";
  EXPECT_EQ(Get(id).result, "");
  EXPECT_THAT(LogOf(id), ElementsAre(HasSubstr("1048577 bytes")));
}

TEST_F(TaskRegistryTest, CancelEndsAQueuedTaskAtOnce) {
  ASSERT_OK_AND_ASSIGN(const Uuid id, suite_.Create("r1"));
  ASSERT_OK(tasks().Cancel(suite_.call, "main", id));
  EXPECT_EQ(Get(id).state, TaskState::kCancelled);
  EXPECT_THAT(LogOf(id), ElementsAre("error cancelled by root@unix"));
  EXPECT_THAT(tasks().Begin("main", id), StatusIs(kFailedPrecondition));
  EXPECT_THAT(tasks().Cancel(suite_.call, "main", id),
              StatusIs(kFailedPrecondition,
                       HasSubstr("is cancelled and cannot become cancelled")));
}

TEST_F(TaskRegistryTest, CancelTellsTheRun) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  bool told = false;
  // It may come back from within.
  run.cancellation()->AddCallback([&] {
    told = true;
    EXPECT_EQ(Get(id).state, TaskState::kRunning);
  });
  ASSERT_OK(tasks().Cancel(suite_.call, "main", id));
  ASSERT_OK(tasks().Cancel(suite_.call, "main", id)) << "twice is once";
  EXPECT_TRUE(told);
  EXPECT_TRUE(run.cancellation()->cancelled());
  EXPECT_EQ(Get(id).state, TaskState::kRunning) << "until it notices";
  EXPECT_THAT(run.WaitWhilePaused(), StatusIs(absl::StatusCode::kCancelled));
  ASSERT_OK(run.Finish(run.WaitWhilePaused(), ""));
  EXPECT_EQ(Get(id).state, TaskState::kCancelled);
}

TEST_F(TaskRegistryTest, ACancelThatComesTooLateChangesNothing) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  ASSERT_OK(tasks().Cancel(suite_.call, "main", id));
  ASSERT_OK(run.Finish(absl::OkStatus(), "done"));
  EXPECT_EQ(Get(id).state, TaskState::kSucceeded);
  EXPECT_THAT(tasks().Cancel(suite_.call, "main", id),
              StatusIs(kFailedPrecondition));
}

TEST_F(TaskRegistryTest, APausedRunStandsStill) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  EXPECT_THAT(run.WaitWhilePaused(), IsOk());
  ASSERT_OK(tasks().Pause(suite_.call, "main", id));
  ASSERT_OK(tasks().Pause(suite_.call, "main", id));
  EXPECT_EQ(Get(id).state, TaskState::kPaused);
  ASSERT_OK(run.Report("still shown", {}));
  const absl::Time before = suite_.clock.Now();
  suite_.executor.ScheduleAfter(absl::Minutes(5), [&] {
    EXPECT_OK(tasks().Resume(suite_.call, "main", id));
  });
  EXPECT_THAT(run.WaitWhilePaused(), IsOk());
  EXPECT_EQ(suite_.clock.Now(), before + absl::Minutes(5));
  EXPECT_EQ(Get(id).state, TaskState::kRunning);
  EXPECT_EQ(Get(id).phase, "still shown");
  EXPECT_THAT(LogOf(id), ElementsAre("info paused by root@unix",
                                     "info resumed by root@unix"));
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskRegistryTest, CancelReachesAPausedRun) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  ASSERT_OK(tasks().Pause(suite_.call, "main", id));
  suite_.executor.ScheduleAfter(absl::Minutes(5), [&] {
    EXPECT_OK(tasks().Cancel(suite_.call, "main", id));
  });
  const absl::Status waited = run.WaitWhilePaused();
  EXPECT_THAT(waited, StatusIs(absl::StatusCode::kCancelled));
  ASSERT_OK(run.Finish(waited, ""));
  EXPECT_EQ(Get(id).state, TaskState::kCancelled);
}

TEST_F(TaskRegistryTest, OnlyARunningTaskIsPausedAndOnlyAPausedOneResumed) {
  ASSERT_OK_AND_ASSIGN(const Uuid queued, suite_.Create("r1"));
  const Uuid ended = CreateAndEnd("r2");
  for (const Uuid& id : {queued, ended}) {
    EXPECT_THAT(tasks().Pause(suite_.call, "main", id),
                StatusIs(kFailedPrecondition));
    EXPECT_THAT(tasks().Resume(suite_.call, "main", id),
                StatusIs(kFailedPrecondition));
  }
  EXPECT_THAT(tasks().Pause(suite_.call, "main", TaskSuite::Id(99)),
              StatusIs(kNotFound));
}

TEST_F(TaskRegistryTest, ProgressIsWrittenAtMostOnceASecond) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  const uint64_t before = suite_.kv.commit_count();
  for (uint64_t n = 0; n < 1000; ++n) {
    ASSERT_OK(run.Report("sweep", {{"packs", n}}));
    suite_.clock.Advance(absl::Milliseconds(10));
  }
  EXPECT_EQ(suite_.kv.commit_count() - before, 10u);
  EXPECT_THAT(Get(id).counters, ElementsAre(TaskCounter{"packs", 999}))
      << "what is shown is the newest";
  suite_.clock.Advance(absl::Seconds(2));
  const uint64_t same = suite_.kv.commit_count();
  ASSERT_OK(run.Report("sweep", {{"packs", 999}}));
  EXPECT_EQ(suite_.kv.commit_count(), same) << "nothing new";
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
  EXPECT_THAT(Get(id).counters, ElementsAre(TaskCounter{"packs", 999}));
}

TEST_F(TaskRegistryTest, ProgressIsBounded) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK(run.Report(std::string(1000, 'p'), {}));
  EXPECT_EQ(Get(run.id()).phase.size(), kMaxPhaseLength);
  EXPECT_THAT(run.Report("x", std::vector<TaskCounter>(65)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskRegistryTest, LogsAreCutAndKeepTheirEnds) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const Uuid id = run.id();
  ASSERT_OK(run.Log(LogLevel::kInfo, std::string(5000, 'x')));
  for (int i = 2; i <= 10500; ++i) {
    ASSERT_OK(run.Log(LogLevel::kInfo, absl::StrCat("line ", i)));
  }
  ASSERT_OK_AND_ASSIGN(const auto first, tasks().ReadLog("main", id, 0, 1));
  EXPECT_EQ(first[0].text.size(), kMaxLogTextLength);
  ASSERT_OK_AND_ASSIGN(const auto middle, tasks().ReadLog("main", id, 999, 2));
  EXPECT_EQ(middle[0].sequence, 1000u);
  EXPECT_EQ(middle[1].sequence, 1501u);
  ASSERT_OK_AND_ASSIGN(const auto page,
                       tasks().ReadLog("main", id, 0, 1000000));
  EXPECT_EQ(page.size(), 1000u) << "a page is bounded";
  ASSERT_OK_AND_ASSIGN(const auto last, tasks().ReadLog("main", id, 10499, 10));
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].text, "line 10500");
  EXPECT_THAT(tasks().ReadLog("other", id, 0, 1), StatusIs(kNotFound));
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskRegistryTest, ListsPageByPageNewestFirst) {
  for (int i = 1; i <= 5; ++i) {
    ASSERT_OK(suite_.Create(absl::StrCat("r", i), i == 2 ? "other" : "main"));
    suite_.clock.Advance(absl::Seconds(1));
  }
  for (const uint32_t size : {1u, 2u, 5u, 0u}) {
    EXPECT_THAT(ListIds({}, size), ElementsAre("r5", "r4", "r3", "r2", "r1"));
  }
  EXPECT_THAT(ListIds({.datastore = "other"}, 1), ElementsAre("r2"));
  EXPECT_THAT(ListIds({.state = TaskState::kPaused}, 1), IsEmpty());
  EXPECT_THAT(tasks().List({}, {.page_token = "nonsense"}),
              HasReasonCode(reason::kPageTokenInvalid));
}

TEST_F(TaskRegistryTest, OfEndedTasksTheNewestAreKeptWithTheirLogs) {
  suite_.options.retention.max_ended = 3;
  ASSERT_OK(suite_.Start());
  std::vector<Uuid> ids;
  for (int i = 1; i <= 5; ++i) {
    ASSERT_OK_AND_ASSIGN(TaskRun run,
                         suite_.CreateAndBegin(absl::StrCat("r", i)));
    ids.push_back(run.id());
    ASSERT_OK(run.Log(LogLevel::kInfo, "here"));
    suite_.clock.Advance(absl::Seconds(1));
    ASSERT_OK(run.Finish(absl::OkStatus(), ""));
  }
  EXPECT_THAT(ListIds({}, 100), ElementsAre("r5", "r4", "r3"));
  EXPECT_THAT(tasks().Get("main", ids[0]), StatusIs(kNotFound));
  EXPECT_THAT(suite_.store.LastLogSequence("main", ids[1]), IsOkAndHolds(0u));
  EXPECT_THAT(suite_.store.LastLogSequence("main", ids[2]), IsOkAndHolds(1u));
  ASSERT_OK(suite_.Create("r1"));
  EXPECT_THAT(ListIds({}, 100), ElementsAre("r1", "r5", "r4", "r3"))
      << "its request id is free again, and an active task is none of three";
}

TEST_F(TaskRegistryTest, OldTasksGoWithTime) {
  CreateAndEnd("r1");
  suite_.clock.Advance(absl::Hours(24 * 60));
  CreateAndEnd("r2");
  suite_.clock.Advance(absl::Hours(24 * 31));
  EXPECT_THAT(ListIds({}, 100), ElementsAre("r2", "r1"));
  ASSERT_OK(tasks().DropOld());
  EXPECT_THAT(ListIds({}, 100), ElementsAre("r2"));
  suite_.clock.Advance(absl::Hours(24 * 91));
  ASSERT_OK(suite_.Start());
  EXPECT_THAT(ListIds({}, 100), IsEmpty()) << "at a start too";
}

TEST_F(TaskRegistryTest, ARestartInterruptsWhatHadNotEnded) {
  ASSERT_OK_AND_ASSIGN(const Uuid queued, suite_.Create("queued"));
  ASSERT_OK_AND_ASSIGN(TaskRun running, suite_.CreateAndBegin("running"));
  ASSERT_OK_AND_ASSIGN(TaskRun paused, suite_.CreateAndBegin("paused"));
  ASSERT_OK(running.Log(LogLevel::kInfo, "before"));
  ASSERT_OK(tasks().Pause(suite_.call, "main", paused.id()));
  const Uuid ended = CreateAndEnd("ended");
  // The process dies: its runs do not come to their ends.
  suite_.kv.FailCommitsFrom(1, absl::UnavailableError("killed"));
  const Uuid ids[] = {queued, running.id(), paused.id()};
  { TaskRun gone(std::move(running)); }
  { TaskRun gone(std::move(paused)); }
  suite_.kv.Recover();
  suite_.clock.Advance(absl::Minutes(1));
  ASSERT_OK(suite_.Start());
  EXPECT_THAT(suite_.interrupted,
              ElementsAre(TaskKind::kGc, TaskKind::kGc, TaskKind::kGc));
  for (const Uuid& id : ids) {
    EXPECT_EQ(Get(id).state, TaskState::kInterrupted);
    EXPECT_EQ(Get(id).end_time, suite_.clock.Now());
    EXPECT_THAT(Get(id).status,
                StatusIs(absl::StatusCode::kAborted, HasSubstr("restarted")));
  }
  EXPECT_EQ(Get(ended).state, TaskState::kSucceeded);
  EXPECT_THAT(
      LogOf(ids[1]),
      ElementsAre("info before", HasSubstr("while the task was running")));
  EXPECT_THAT(tasks().Begin("main", queued), StatusIs(kFailedPrecondition));
  const uint64_t commits = suite_.kv.commit_count();
  ASSERT_OK(suite_.Start());
  EXPECT_EQ(suite_.kv.commit_count(), commits) << "once is enough";
}

TEST_F(TaskRegistryTest, KnowsWhetherAJobRuns) {
  TaskRequest request = TaskSuite::Request("r1");
  request.job = "nightly";
  ASSERT_OK_AND_ASSIGN(const StartedTask started, tasks().Create(request));
  EXPECT_EQ(tasks().FindActiveOfJob("main", "nightly"), started.task.id);
  EXPECT_EQ(tasks().FindActiveOfJob("main", "weekly"), std::nullopt);
  ASSERT_OK(tasks().Cancel(suite_.call, "main", started.task.id));
  EXPECT_EQ(tasks().FindActiveOfJob("main", "nightly"), std::nullopt);
}

// --- watching ---

TEST_F(TaskRegistryTest, AWatchAnswersAtOnceIfThereIsNews) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK_AND_ASSIGN(const TaskUpdate first,
                       tasks().Watch(suite_.call, "main", run.id(), 0));
  EXPECT_EQ(first.task.state, TaskState::kRunning);
  EXPECT_EQ(first.task.request.options, "");
  ASSERT_OK(run.Log(LogLevel::kInfo, "news"));
  ASSERT_OK_AND_ASSIGN(
      const TaskUpdate second,
      tasks().Watch(suite_.call, "main", run.id(), first.version));
  EXPECT_GT(second.version, first.version);
  EXPECT_EQ(second.last_log_sequence, 1u);
  ASSERT_OK(run.Finish(absl::OkStatus(), "result"));
  ASSERT_OK_AND_ASSIGN(
      const TaskUpdate third,
      tasks().Watch(suite_.call, "main", run.id(), second.version));
  EXPECT_EQ(third.task.state, TaskState::kSucceeded);
  EXPECT_EQ(third.task.result, "");
  EXPECT_THAT(tasks().Watch(suite_.call, "main", run.id(), 1u << 30), IsOk())
      << "a version of another life";
  EXPECT_THAT(tasks().Watch(suite_.call, "main", TaskSuite::Id(99), 0),
              StatusIs(kNotFound));
}

TEST_F(TaskRegistryTest, AWatchWaitsForAChange) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK_AND_ASSIGN(const TaskUpdate first,
                       tasks().Watch(suite_.call, "main", run.id(), 0));
  const absl::Time before = suite_.clock.Now();
  ASSERT_OK(suite_.Create("another")) << "that is no news of this one";
  suite_.executor.ScheduleAfter(absl::Seconds(30),
                                [&] { EXPECT_OK(run.Report("sweep", {})); });
  ASSERT_OK_AND_ASSIGN(
      const TaskUpdate second,
      tasks().Watch(suite_.call, "main", run.id(), first.version));
  EXPECT_EQ(second.task.phase, "sweep");
  EXPECT_EQ(suite_.clock.Now(), before + absl::Seconds(30));
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskRegistryTest, AWatchEndsByDeadlineAndByCancellation) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK_AND_ASSIGN(const TaskUpdate first,
                       tasks().Watch(suite_.call, "main", run.id(), 0));
  Call call = suite_.call;
  call.deadline = suite_.clock.Now() + absl::Seconds(5);
  EXPECT_THAT(tasks().Watch(call, "main", run.id(), first.version),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  CancellationToken token;
  call.deadline = absl::InfiniteFuture();
  call.cancellation = &token;
  suite_.executor.ScheduleAfter(absl::Seconds(1), [&] { token.Cancel(); });
  EXPECT_THAT(tasks().Watch(call, "main", run.id(), first.version),
              StatusIs(absl::StatusCode::kCancelled));
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskRegistryTest, TheEndIsAwaitedForATime) {
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  const absl::Time start = suite_.clock.Now();
  suite_.executor.ScheduleAfter(absl::Seconds(1),
                                [&] { EXPECT_OK(run.Report("sweep", {})); });
  ASSERT_OK(tasks().AwaitEnd(suite_.call, run.id(), absl::Seconds(5)));
  EXPECT_EQ(suite_.clock.Now(), start + absl::Seconds(5));
  CancellationToken token;
  Call call = suite_.call;
  call.cancellation = &token;
  suite_.executor.ScheduleAfter(absl::Seconds(1), [&] { token.Cancel(); });
  EXPECT_THAT(tasks().AwaitEnd(call, run.id(), absl::Seconds(5)),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(suite_.clock.Now(), start + absl::Seconds(6));
  suite_.executor.ScheduleAfter(
      absl::Seconds(1), [&] { EXPECT_OK(run.Finish(absl::OkStatus(), "")); });
  ASSERT_OK(tasks().AwaitEnd(suite_.call, run.id(), absl::Seconds(5)));
  EXPECT_EQ(suite_.clock.Now(), start + absl::Seconds(7));
  ASSERT_OK(tasks().AwaitEnd(suite_.call, run.id(), absl::Seconds(5)));
  EXPECT_EQ(suite_.clock.Now(), start + absl::Seconds(7)) << "it has ended";
}

TEST_F(TaskRegistryTest, WatchersAreBounded) {
  suite_.options.max_watchers = 1;
  ASSERT_OK(suite_.Start());
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK_AND_ASSIGN(const TaskUpdate first,
                       tasks().Watch(suite_.call, "main", run.id(), 0));
  absl::Status refused;
  suite_.executor.ScheduleAfter(absl::Seconds(1), [&] {
    refused =
        tasks().Watch(suite_.call, "main", run.id(), first.version).status();
    EXPECT_OK(tasks().Watch(suite_.call, "main", run.id(), 0))
        << "who does not wait is no watcher";
    EXPECT_OK(run.Report("sweep", {}));
  });
  ASSERT_OK_AND_ASSIGN(
      const TaskUpdate second,
      tasks().Watch(suite_.call, "main", run.id(), first.version));
  EXPECT_THAT(refused, HasReasonCode(reason::kLimitExceeded));
  suite_.executor.ScheduleAfter(absl::Seconds(1),
                                [&] { EXPECT_OK(run.Report("more", {})); });
  EXPECT_THAT(tasks().Watch(suite_.call, "main", run.id(), second.version),
              IsOk())
      << "its place is free again";
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskRegistryTest, AWatchEndsWithTheTasksRow) {
  suite_.options.retention.max_ended = 0;
  ASSERT_OK(suite_.Start());
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite_.CreateAndBegin("r1"));
  ASSERT_OK_AND_ASSIGN(const TaskUpdate first,
                       tasks().Watch(suite_.call, "main", run.id(), 0));
  suite_.executor.ScheduleAfter(
      absl::Seconds(1), [&] { EXPECT_OK(run.Finish(absl::OkStatus(), "")); });
  EXPECT_THAT(tasks().Watch(suite_.call, "main", run.id(), first.version),
              StatusIs(kNotFound));
}

}  // namespace
}  // namespace cairn::maintenance
