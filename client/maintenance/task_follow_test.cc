#include "client/maintenance/task_follow.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "client/posix/interrupt.h"
#include "client/remote/grpc_maintenance_remote.h"
#include "client/remote/retry_budget.h"
#include "client/testing/grpc_fake_maintenance.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using maintenance::v1::Task;
using maintenance::v1::TaskLogLine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TaskFollowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(remote_,
                         ConnectMaintenanceByGrpc({.server = server_.address()},
                                                  &clock_, &interrupt_));
  }

  std::string Start() {
    maintenance::v1::StartTaskRequest request;
    request.set_request_id("r");
    request.mutable_options()->mutable_gc();
    const auto started = remote_->StartTask(request);
    EXPECT_OK(started.status());
    return started.ok() ? started->task().name() : "";
  }

  absl::StatusOr<Task> Follow(const std::string& name, uint64_t after) {
    return FollowTask(
        name, after, *remote_, budget_,
        {.task = [this](const Task& task) { tasks_.push_back(task); },
         .line =
             [this](const TaskLogLine& line) {
               lines_.push_back(line.text());
             }});
  }

  std::mt19937_64 random_{TestSeed()};
  FakeMaintenance server_;
  SystemClock clock_;
  FakeClock waits_;
  Interrupt interrupt_;
  std::unique_ptr<MaintenanceRemote> remote_;
  // Waits take no time, and there is a minute of them.
  RetryBudget budget_{{.total = absl::Minutes(1)},
                      &waits_,
                      random_,
                      [this](absl::Duration wait) { waits_.Advance(wait); },
                      [](const absl::Status&, absl::Duration) {}};
  std::vector<Task> tasks_;
  std::vector<std::string> lines_;
};

TEST_F(TaskFollowTest, GoesOnWhenAServerThatEndsGivesTheWatchUp) {
  server_.SetScript({.lines = {"a", "b"}});
  server_.SetFaults(
      {.watch_cuts = 1, .watch_code = absl::StatusCode::kCancelled});
  ASSERT_OK_AND_ASSIGN(const Task task, Follow(Start(), 0));
  EXPECT_EQ(task.state(), maintenance::v1::TASK_STATE_SUCCEEDED);
  EXPECT_THAT(lines_, ElementsAre("a", "b"));
}

TEST_F(TaskFollowTest, TellsEachLineOnceThroughBreaks) {
  server_.SetScript({.lines = {"a", "b", "c", "d", "e"}});
  server_.SetFaults({.watch_cuts = 4});
  ASSERT_OK_AND_ASSIGN(const Task task, Follow(Start(), 0));
  EXPECT_EQ(task.state(), maintenance::v1::TASK_STATE_SUCCEEDED);
  EXPECT_THAT(lines_, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(server_.watches(), 5);
  for (size_t i = 1; i < tasks_.size(); ++i) {
    EXPECT_LE(tasks_[i - 1].version(), tasks_[i].version());
  }
}

TEST_F(TaskFollowTest, TakesTheWordOfAServerThatCountsVersionsAnew) {
  server_.SetScript({.lines = {"a", "b", "c"}});
  server_.SetFaults({.watch_cuts = 1, .restarts = true});
  ASSERT_OK_AND_ASSIGN(const Task task, Follow(Start(), 0));
  EXPECT_EQ(task.state(), maintenance::v1::TASK_STATE_SUCCEEDED);
  ASSERT_GT(tasks_.size(), 1u);
  EXPECT_LT(tasks_.back().version(), tasks_.front().version());
  EXPECT_THAT(lines_, ElementsAre("a", "b", "c"));
}

TEST_F(TaskFollowTest, BeginsBehindALine) {
  server_.SetScript({.lines = {"a", "b", "c"}});
  const std::string name = Start();
  ASSERT_OK(Follow(name, 0).status());
  lines_.clear();
  ASSERT_OK(Follow(name, 2).status());
  EXPECT_THAT(lines_, ElementsAre("c"));
  lines_.clear();
  ASSERT_OK(Follow(name, 3).status());
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(TaskFollowTest, GivesUpOnAServerThatIsGone) {
  ASSERT_OK_AND_ASSIGN(
      remote_, ConnectMaintenanceByGrpc({.server = "unix:/nowhere/nobody"},
                                        &clock_, &interrupt_));
  EXPECT_THAT(Follow("datastores/default/tasks/x", 0),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_GT(budget_.retries(), 3);
}

TEST_F(TaskFollowTest, AnErrorOfTheServerIsNoReasonToRepeat) {
  const auto followed = Follow("datastores/default/tasks/x", 0);
  EXPECT_TRUE(HasReason(followed.status(), reason::kTaskUnknown));
  EXPECT_EQ(budget_.retries(), 0);
}

TEST_F(TaskFollowTest, AnInterruptEndsIt) {
  server_.SetScript({.endless = true});
  const std::string name = Start();
  const auto followed =
      FollowTask(name, 0, *remote_, budget_,
                 {.line = [this](const TaskLogLine&) { interrupt_.Raise(); }});
  EXPECT_THAT(followed, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(server_.tasks()[0].state(), maintenance::v1::TASK_STATE_RUNNING);
}

}  // namespace
}  // namespace cairn::client
