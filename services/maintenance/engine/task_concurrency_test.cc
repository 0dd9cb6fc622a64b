// Many threads at one registry; the thread sanitizer looks on.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/kv/memory_kv_store.h"
#include "common/testing/status_matchers.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/task_registry.h"
#include "services/maintenance/storage/task_store.h"

namespace cairn::maintenance {
namespace {

constexpr int kRunners = 4;
constexpr int kRounds = 25;

class TaskConcurrencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Each round has a runner, a watcher and one who cancels or resumes.
    ASSERT_OK_AND_ASSIGN(pool_,
                         ThreadPoolExecutor::Create({.threads = 3 * kRunners}));
    ASSERT_OK_AND_ASSIGN(
        tasks_,
        TaskRegistry::Open(
            {}, {.clock = &clock_, .executor = pool_.get(), .store = &store_},
            [this] {
              Uuid id;
              const uint64_t n = ++drawn_;
              for (int i = 0; i < 8; ++i) {
                id.bytes[i] = static_cast<uint8_t>(n >> (8 * i));
              }
              return id;
            }));
  }

  // Watches until the task has ended; versions only grow.
  void WatchToTheEnd(const Uuid& id) {
    uint64_t version = 0;
    while (true) {
      const auto update = tasks_->Watch(Call(), "main", id, version);
      ASSERT_OK(update);
      ASSERT_GT(update->version, version);
      version = update->version;
      if (HasEnded(update->task.state)) return;
    }
  }

  // Pauses and goes on, or cancels, while the run is at it.
  void Disturb(const Uuid& id, bool cancel) {
    const Call call;
    // Any of these may come too early or too late.
    (void)tasks_->Pause(call, "main", id);
    (void)tasks_->List({}, {});
    if (cancel) {
      (void)tasks_->Cancel(call, "main", id);
    } else {
      (void)tasks_->Resume(call, "main", id);
    }
  }

  void RunOne(const Uuid& id) {
    auto run = tasks_->Begin("main", id);
    if (!run.ok()) {  // cancelled before
      EXPECT_EQ(run.status().code(), absl::StatusCode::kFailedPrecondition);
      return;
    }
    absl::Status status;
    for (uint64_t n = 0; n < 20 && status.ok(); ++n) {
      EXPECT_OK(run->Report("step", {{"n", n}}));
      EXPECT_OK(run->Log(LogLevel::kInfo, absl::StrCat("step ", n)));
      status = run->WaitWhilePaused();
    }
    EXPECT_OK(run->Finish(status, "result"));
  }

  const SystemClock clock_;
  MemoryKvStore kv_{TaskStore::TableNames().size()};
  TaskStore store_{&kv_, 0};
  uint64_t drawn_ = 0;  // the registry draws one at a time
  std::unique_ptr<ThreadPoolExecutor> pool_;
  std::unique_ptr<TaskRegistry> tasks_;
};

TEST_F(TaskConcurrencyTest, EveryTaskEndsAndEveryWatcherSeesIt) {
  std::atomic<int> next = 0;
  for (int round = 0; round < kRounds; ++round) {
    absl::BlockingCounter done(3 * kRunners);
    for (int i = 0; i < kRunners; ++i) {
      const int number = next++;
      TaskRequest request{.request_id = absl::StrCat("r", number),
                          .datastore = "main"};
      ASSERT_OK_AND_ASSIGN(const StartedTask started, tasks_->Create(request));
      const Uuid id = started.task.id;
      ASSERT_OK(pool_->Schedule([&, id] {
        RunOne(id);
        done.DecrementCount();
      }));
      ASSERT_OK(pool_->Schedule([&, id] {
        WatchToTheEnd(id);
        done.DecrementCount();
      }));
      ASSERT_OK(pool_->Schedule([&, id, number] {
        Disturb(id, number % 3 == 0);
        done.DecrementCount();
      }));
    }
    done.Wait();
  }
  int ended = 0;
  ASSERT_OK(store_.VisitTasks([&](Task task) {
    EXPECT_TRUE(task.state == TaskState::kSucceeded ||
                task.state == TaskState::kCancelled)
        << TaskStateName(task.state);
    ++ended;
    return absl::OkStatus();
  }));
  EXPECT_EQ(ended, kRunners * kRounds);
  pool_->Shutdown();
}

}  // namespace
}  // namespace cairn::maintenance
