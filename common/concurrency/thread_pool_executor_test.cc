#include "common/concurrency/thread_pool_executor.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"
#include "common/testing/status_matchers.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<ThreadPoolExecutor> NewExecutor(int threads,
                                                size_t queue_limit = 100) {
  return ThreadPoolExecutor::Create(
             {.name = "test", .threads = threads, .queue_limit = queue_limit})
      .value();
}

// Keeps a thread of an executor busy while it lives.
class Blocker {
 public:
  explicit Blocker(ThreadPoolExecutor& executor) {
    EXPECT_OK(executor.Schedule([this] {
      started_.Notify();
      go_on_.WaitForNotification();
      ended_.Notify();
    }));
    started_.WaitForNotification();
  }
  ~Blocker() { Release(); }
  void Release() {
    if (!go_on_.HasBeenNotified()) go_on_.Notify();
    ended_.WaitForNotification();
  }

 private:
  absl::Notification started_, go_on_, ended_;
};

TEST(ThreadPoolExecutorTest, RefusesBadOptions) {
  for (const int threads : {-1, 0, 1025}) {
    EXPECT_THAT(ThreadPoolExecutor::Create({.name = "io", .threads = threads}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("io")));
  }
  EXPECT_THAT(ThreadPoolExecutor::Create({.queue_limit = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  for (const int niceness : {-1, 20}) {
    EXPECT_THAT(
        ThreadPoolExecutor::Create({.name = "io", .niceness = niceness}),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("niceness")));
  }
}

TEST(ThreadPoolExecutorTest, TasksRunWithItsNiceness) {
  const int own = getpriority(PRIO_PROCESS, gettid());
  for (const int niceness : {0, 7}) {
    ASSERT_OK_AND_ASSIGN(
        auto executor,
        ThreadPoolExecutor::Create({.name = "t", .niceness = niceness}));
    int seen = -1;
    absl::Notification done;
    ASSERT_OK(executor->Schedule([&] {
      seen = getpriority(PRIO_PROCESS, gettid());
      done.Notify();
    }));
    done.WaitForNotification();
    EXPECT_EQ(seen, niceness == 0 ? own : niceness);
  }
  EXPECT_EQ(getpriority(PRIO_PROCESS, gettid()), own);
}

TEST(ThreadPoolExecutorTest, RunsTasksOnAllItsThreads) {
  const auto executor = NewExecutor(3);
  // Only three threads at once let the barrier go.
  auto* barrier = new absl::Barrier(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(executor->Schedule([barrier] {
      if (barrier->Block()) delete barrier;
    }));
  }
  executor->Shutdown();
}

TEST(ThreadPoolExecutorTest, ThreadsAreAddedWhileItRuns) {
  const auto executor = NewExecutor(1);
  ASSERT_OK(executor->EnsureThreads(3));
  // Fewer than there are: none is taken away.
  ASSERT_OK(executor->EnsureThreads(2));
  EXPECT_THAT(executor->EnsureThreads(1025),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // None of them returns before all are there.
  absl::Notification done;
  std::atomic<int> here = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(executor->Schedule([&] {
      if (++here == 3) done.Notify();
      done.WaitForNotification();
    }));
  }
  done.WaitForNotification();
  executor->Shutdown();
  EXPECT_THAT(executor->EnsureThreads(4),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(ThreadPoolExecutorTest, TheLimitOfItsQueueMayChange) {
  const auto executor = NewExecutor(1);
  absl::Notification release;
  absl::Notification running;
  ASSERT_OK(executor->Schedule([&] {
    running.Notify();
    release.WaitForNotification();
  }));
  running.WaitForNotification();
  executor->SetQueueLimit(1);
  EXPECT_OK(executor->Schedule([] {}));
  EXPECT_THAT(executor->Schedule([] {}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  executor->SetQueueLimit(2);
  EXPECT_OK(executor->Schedule([] {}));
  release.Notify();
}

TEST(ThreadPoolExecutorTest, ThreadsAreNamed) {
  const auto executor = NewExecutor(1);
  char name[16] = {};
  ASSERT_OK(executor->Schedule(
      [&name] { pthread_getname_np(pthread_self(), name, sizeof(name)); }));
  executor->Shutdown();
  EXPECT_STREQ(name, "test-0");
}

TEST(ThreadPoolExecutorTest, QueueIsBounded) {
  const auto executor = NewExecutor(1, 2);
  Blocker blocker(*executor);
  std::atomic<int> ran = 0;
  ASSERT_OK(executor->Schedule([&ran] { ++ran; }));
  ASSERT_OK(executor->Schedule([&ran] { ++ran; }));
  EXPECT_THAT(
      executor->Schedule([&ran] { ++ran; }),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2 tasks")));
  EXPECT_EQ(executor->queued(), 2u);
  blocker.Release();
  executor->Shutdown();
  EXPECT_EQ(ran, 2);
}

TEST(ThreadPoolExecutorTest, ShutdownDrainsAndThenRefuses) {
  const auto executor = NewExecutor(1);
  std::vector<int> ran;
  absl::Status inner;
  {
    Blocker blocker(*executor);
    for (int i = 0; i < 50; ++i) {
      ASSERT_OK(executor->Schedule([&ran, i] { ran.push_back(i); }));
    }
  }
  executor->Shutdown();
  executor->Shutdown();
  EXPECT_EQ(ran.size(), 50u);
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
  EXPECT_THAT(executor->Schedule([] {}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(ThreadPoolExecutorTest, ShutdownDropsTimersThatAreNotDue) {
  const auto executor = NewExecutor(1);
  auto alive = std::make_shared<int>(1);
  bool ran = false;
  executor->ScheduleAfter(absl::Hours(1), [&ran, alive] { ran = true; });
  executor->Shutdown();
  EXPECT_EQ(alive.use_count(), 1);
  const auto late =
      executor->ScheduleAfter(absl::ZeroDuration(), [&ran] { ran = true; });
  EXPECT_FALSE(executor->Cancel(late));
  EXPECT_FALSE(ran);
}

TEST(ThreadPoolExecutorTest, TimersRunInOrderAndNotTooEarly) {
  const auto executor = NewExecutor(1);
  const SystemClock clock;
  const absl::Duration start = clock.Monotonic();
  absl::Mutex mutex;
  std::vector<int> order;
  std::vector<absl::Duration> at;
  const auto note = [&](int n) {
    return [&, n] {
      absl::MutexLock lock(&mutex);
      order.push_back(n);
      at.push_back(clock.Monotonic() - start);
    };
  };
  executor->ScheduleAfter(absl::Milliseconds(30), note(3));
  executor->ScheduleAfter(absl::Milliseconds(10), note(1));
  executor->ScheduleAfter(absl::Milliseconds(20), note(2));
  absl::MutexLock lock(&mutex);
  const auto all = [&] { return order.size() == 3; };
  ASSERT_TRUE(
      executor->Await(&mutex, absl::Condition(&all), absl::Seconds(60)));
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_GE(at[0], absl::Milliseconds(10));
  EXPECT_GE(at[1], absl::Milliseconds(20));
  EXPECT_GE(at[2], absl::Milliseconds(30));
}

TEST(ThreadPoolExecutorTest, ExtremeDelaysAreAccepted) {
  const auto executor = NewExecutor(1);
  absl::Notification ran;
  executor->ScheduleAfter(absl::InfiniteDuration(), [] { FAIL(); });
  executor->ScheduleAfter(-absl::InfiniteDuration(), [&ran] { ran.Notify(); });
  ran.WaitForNotification();
}

TEST(ThreadPoolExecutorTest, CancelBeforeTheTimerIsDue) {
  const auto executor = NewExecutor(1);
  auto alive = std::make_shared<int>(1);
  const auto timer =
      executor->ScheduleAfter(absl::Hours(1), [alive] { FAIL(); });
  EXPECT_TRUE(executor->Cancel(timer));
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_FALSE(executor->Cancel(timer));
  EXPECT_FALSE(executor->Cancel(999));
}

TEST(ThreadPoolExecutorTest, CancelWhileTheTimerWaitsForAThread) {
  const auto executor = NewExecutor(1);
  Blocker blocker(*executor);
  const auto timer =
      executor->ScheduleAfter(absl::ZeroDuration(), [] { FAIL(); });
  while (executor->queued() == 0) std::this_thread::yield();
  EXPECT_TRUE(executor->Cancel(timer));
  blocker.Release();
  executor->Shutdown();
}

TEST(ThreadPoolExecutorTest, CancelWaitsForARunningTimer) {
  const auto executor = NewExecutor(2);
  absl::Notification started, go_on;
  auto ended = std::make_unique<bool>(false);
  const auto timer =
      executor->ScheduleAfter(absl::ZeroDuration(), [&, flag = ended.get()] {
        started.Notify();
        go_on.WaitForNotification();
        *flag = true;
      });
  started.WaitForNotification();
  ASSERT_OK(executor->Schedule([&go_on] { go_on.Notify(); }));
  EXPECT_FALSE(executor->Cancel(timer));
  EXPECT_TRUE(*ended);
  ended.reset();
}

TEST(ThreadPoolExecutorTest, TimerMayCancelItself) {
  const auto executor = NewExecutor(1);
  absl::Mutex mutex;
  Executor::TimerId timer = 0;
  absl::Notification done;
  {
    absl::MutexLock lock(&mutex);
    timer = executor->ScheduleAfter(absl::ZeroDuration(), [&] {
      absl::MutexLock inner_lock(&mutex);
      EXPECT_FALSE(executor->Cancel(timer));
      done.Notify();
    });
  }
  done.WaitForNotification();
}

TEST(ThreadPoolExecutorTest, AwaitReturnsWhetherTheConditionHolds) {
  const auto executor = NewExecutor(1);
  absl::Mutex mutex;
  bool ready = false;
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(
      executor->Await(&mutex, absl::Condition(&ready), absl::Milliseconds(5)));
  EXPECT_FALSE(
      executor->Await(&mutex, absl::Condition(&ready), absl::Seconds(-5)));
  ASSERT_OK(executor->Schedule([&] {
    absl::MutexLock inner_lock(&mutex);
    ready = true;
  }));
  EXPECT_TRUE(executor->Await(&mutex, absl::Condition(&ready),
                              absl::InfiniteDuration()));
  EXPECT_TRUE(
      executor->Await(&mutex, absl::Condition(&ready), absl::ZeroDuration()));
}

}  // namespace
}  // namespace cairn
