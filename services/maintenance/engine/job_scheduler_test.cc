#include "services/maintenance/engine/job_scheduler.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/task_suite.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The clock starts at 2026-01-01 12:00:00 UTC.
class JobSchedulerTest : public ::testing::Test {
 protected:
  JobSchedulerTest() { EXPECT_THAT(suite_.Start(), IsOk()); }
  ~JobSchedulerTest() override { scheduler_.reset(); }

  void Begin() {
    scheduler_ = std::make_unique<JobScheduler>(
        JobScheduler::Options{},
        JobScheduler::Dependencies{.clock = &suite_.clock,
                                   .executor = &suite_.executor,
                                   .jobs = suite_.jobs.get(),
                                   .tasks = suite_.tasks.get()},
        [this](const Call& call, const Job& job, const std::string& id) {
          return StartTask(call, job, id);
        });
    scheduler_->Begin();
    suite_.executor.Run();
  }
  // Kills the process and starts it again.
  void Restart() {
    scheduler_.reset();
    suite_.kv.Recover();
    ASSERT_OK(suite_.Start());
  }

  absl::StatusOr<Uuid> StartTask(const Call& call, const Job& job,
                                 const std::string& request_id) {
    EXPECT_EQ(call.caller.role, CallerRole::kMaintenance);
    ++attempts_;
    if (!start_error_.ok()) return start_error_;
    TaskRequest request = TaskSuite::Request(request_id, job.datastore);
    request.job = job.id;
    request.options = job.options;
    ASSIGN_OR_RETURN(const StartedTask started,
                     suite_.tasks->Create(std::move(request)));
    if (!started.attached) {
      runs_.push_back(
          absl::StrCat(job.id, " ",
                       absl::FormatTime("%d %H:%M:%S", suite_.clock.Now(),
                                        absl::UTCTimeZone())));
      if (ends_at_once_) End(started.task.id, absl::OkStatus());
    }
    return started.task.id;
  }
  void End(const Uuid& id, const absl::Status& status) {
    auto run = suite_.tasks->Begin("main", id);
    ASSERT_OK(run);
    EXPECT_OK(run->Finish(status, ""));
  }
  void Create(const std::string& id, const std::string& schedule) {
    ASSERT_OK(suite_.jobs->Create(TaskSuite::MakeJob(id, schedule)));
  }
  JobState State(const std::string& id) {
    const auto view = suite_.jobs->Get("main", id);
    EXPECT_OK(view);
    return view.ok() ? view->state : JobState();
  }
  void Pass(absl::Duration time) { suite_.executor.AdvanceAndRun(time); }

  TaskSuite suite_;
  std::vector<std::string> runs_;
  int attempts_ = 0;
  absl::Status start_error_;
  bool ends_at_once_ = true;
  std::unique_ptr<JobScheduler> scheduler_;
};

TEST_F(JobSchedulerTest, StartsJobsAtTheirInstants) {
  Create("nightly", "02:00");
  Create("often", "8..13:7:3");
  Begin();
  Pass(absl::Hours(24));
  EXPECT_THAT(runs_, ElementsAre("often 01 12:07:03", "often 01 13:07:03",
                                 "nightly 02 02:00:00", "often 02 08:07:03",
                                 "often 02 09:07:03", "often 02 10:07:03",
                                 "often 02 11:07:03"));
}

TEST_F(JobSchedulerTest, RoundsAreAlignedToTenSeconds) {
  suite_.clock.Advance(absl::Seconds(3));
  Begin();
  // Made while the scheduler knows of no event: seen in the next round.
  Create("often", "*:*:*");
  Pass(absl::Milliseconds(6999));
  EXPECT_THAT(runs_, IsEmpty());
  Pass(absl::Milliseconds(1));
  EXPECT_THAT(runs_, ElementsAre("often 01 12:00:10"));
  Pass(absl::Seconds(2));
  EXPECT_THAT(runs_, ElementsAre("often 01 12:00:10", "often 01 12:00:11",
                                 "often 01 12:00:12"));
}

TEST_F(JobSchedulerTest, MissedRunsCollapseIntoOne) {
  Create("hourly", "hourly");
  suite_.clock.Advance(absl::Hours(50));
  Begin();
  Pass(absl::Minutes(90));
  EXPECT_THAT(runs_, ElementsAre("hourly 03 14:00:00", "hourly 03 15:00:00"));
}

TEST_F(JobSchedulerTest, NeverStartsAJobThatRuns) {
  Create("often", "minutely");
  ends_at_once_ = false;
  Begin();
  Pass(absl::Minutes(10));
  ASSERT_THAT(runs_, ElementsAre("often 01 12:01:00"));
  EXPECT_EQ(attempts_, 1);
  ends_at_once_ = true;
  End(State("often").last_task, absl::OkStatus());
  Pass(absl::Seconds(10));
  EXPECT_THAT(runs_, ElementsAre("often 01 12:01:00", "often 01 12:10:10"))
      << "what was missed is one run";
  Pass(absl::Seconds(60));
  EXPECT_EQ(runs_.size(), 3u);
}

TEST_F(JobSchedulerTest, NotesHowRunsEnded) {
  Create("often", "minutely");
  ends_at_once_ = false;
  Begin();
  Pass(absl::Minutes(1));
  EXPECT_EQ(State("often").last_result, "");
  EXPECT_EQ(State("often").last_run, suite_.clock.Now());
  End(State("often").last_task, absl::DataLossError("bad chunk"));
  const Uuid task = State("often").last_task;
  Pass(absl::Seconds(10));
  EXPECT_EQ(State("often").last_result, "failed: bad chunk");
  EXPECT_EQ(State("often").last_task, task);
}

TEST_F(JobSchedulerTest, AStartIsRepeatedWhileOthersAreAway) {
  Create("nightly", "12:30");
  start_error_ = absl::UnavailableError("index is down");
  Begin();
  Pass(absl::Minutes(40));
  EXPECT_EQ(attempts_, 61);
  EXPECT_THAT(runs_, IsEmpty());
  EXPECT_EQ(State("nightly").last_result, "");
  start_error_ = absl::OkStatus();
  Pass(absl::Seconds(10));
  EXPECT_THAT(runs_, ElementsAre("nightly 01 12:40:10"));
  Pass(absl::Hours(1));
  EXPECT_EQ(runs_.size(), 1u);
}

TEST_F(JobSchedulerTest, PatienceEnds) {
  Create("nightly", "12:30");
  start_error_ = absl::UnavailableError("index is down");
  Begin();
  Pass(absl::Hours(2));
  EXPECT_EQ(attempts_, 361);
  EXPECT_EQ(State("nightly").last_result,
            "could not be started: index is down");
  start_error_ = absl::OkStatus();
  Pass(absl::Hours(24));
  EXPECT_THAT(runs_, ElementsAre("nightly 02 12:30:00"));
}

TEST_F(JobSchedulerTest, AStartThatCannotSucceedIsNotRepeated) {
  Create("nightly", "12:30");
  start_error_ = absl::InvalidArgumentError("options are none");
  Begin();
  Pass(absl::Hours(2));
  EXPECT_EQ(attempts_, 1);
  EXPECT_THAT(State("nightly").last_result, HasSubstr("options are none"));
}

TEST_F(JobSchedulerTest, OneJobInTroubleKeepsNoOtherFromItsRun) {
  Job lost = TaskSuite::MakeJob("aaa", "minutely");
  lost.time_zone = "Atlantis/Center";  // it was known where it was made
  TaskBatch batch = suite_.store.NewBatch();
  batch.PutJob(lost);
  batch.PutJobState("main", "aaa", NewJobState(suite_.clock.Now()));
  ASSERT_OK(suite_.store.Commit(batch, Durability::kSynced));
  ASSERT_OK(suite_.Start());
  Create("bbb", "minutely");
  Begin();
  Pass(absl::Minutes(1));
  EXPECT_THAT(runs_, ElementsAre("bbb 01 12:01:00"));
  EXPECT_THAT(suite_.jobs->Get("main", "aaa")->next_run,
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(JobSchedulerTest, DisabledAndRemovedJobsDoNotStart) {
  Create("one", "minutely");
  Create("two", "minutely");
  Begin();
  Job disabled = TaskSuite::MakeJob("one", "minutely");
  disabled.enabled = false;
  ASSERT_OK(suite_.jobs->Update(disabled));
  ASSERT_OK(suite_.jobs->Remove("main", "two"));
  Pass(absl::Minutes(5));
  EXPECT_THAT(runs_, IsEmpty());
}

TEST_F(JobSchedulerTest, AClockThatGoesBackIsNoStormAndNoSilence) {
  Create("hourly", "hourly");
  Begin();
  Pass(absl::Hours(30));
  EXPECT_EQ(runs_.size(), 30u);
  suite_.clock.SetNow(suite_.clock.Now() - absl::Hours(24));
  Pass(absl::Hours(3));
  EXPECT_EQ(runs_.size(), 33u);
  suite_.clock.SetNow(suite_.clock.Now() + absl::Hours(24));
  Pass(absl::Hours(3));
  EXPECT_EQ(runs_.size(), 37u) << "one for what was missed, and three";
}

// Where a process may die in the round that starts a job: before the task is
// durable, between task and state, after both.
TEST_F(JobSchedulerTest, ARunIsNeitherLostNorDoubledByACrash) {
  for (uint64_t nth = 1; nth <= 4; ++nth) {
    SCOPED_TRACE(absl::StrCat("power fails at commit ", nth));
    const std::string id = absl::StrCat("job", nth);
    Restart();
    runs_.clear();
    ends_at_once_ = false;
    Create(id, "minutely");
    suite_.kv.FailCommitsFrom(nth, absl::UnavailableError("no power"));
    Begin();
    Pass(absl::Minutes(1));
    const bool had_started = !runs_.empty();
    EXPECT_EQ(had_started, nth > 1);
    Restart();
    Begin();
    // In the minute of the event, before the next one.
    Pass(absl::Seconds(30));
    EXPECT_EQ(runs_.size(), 1u);
    EXPECT_FALSE(State(id).last_task.is_zero());
    if (had_started) {
      EXPECT_THAT(State(id).last_result, HasSubstr("interrupted"));
    }
    const auto task = suite_.tasks->Get("main", State(id).last_task);
    ASSERT_OK(task);
    EXPECT_EQ(HasEnded(task->state), had_started);
    ASSERT_OK(suite_.jobs->Remove("main", id));
    suite_.clock.Advance(absl::Seconds(30));  // to a whole minute
  }
}

TEST_F(JobSchedulerTest, DropsOldTasks) {
  Create("once", "2026-01-01 12:01");
  Begin();
  Pass(absl::Minutes(2));
  ASSERT_EQ(runs_.size(), 1u);
  const Uuid task = State("once").last_task;
  suite_.clock.Advance(absl::Hours(24 * 91));
  Pass(absl::Hours(2));
  EXPECT_THAT(suite_.tasks->Get("main", task),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(State("once").last_result, "succeeded") << "that is kept";
}

TEST_F(JobSchedulerTest, StopEndsTheRounds) {
  Create("often", "minutely");
  Begin();
  EXPECT_EQ(suite_.executor.timers(), 1u);
  scheduler_->Stop();
  scheduler_->Stop();
  EXPECT_EQ(suite_.executor.timers(), 0u);
  Pass(absl::Minutes(5));
  EXPECT_THAT(runs_, IsEmpty());
}

}  // namespace
}  // namespace cairn::maintenance
