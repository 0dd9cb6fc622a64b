#include "common/concurrency/batcher.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/fake_clock.h"
#include "common/testing/test_executor.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using Batches = std::vector<std::vector<int>>;

class BatcherTest : public ::testing::Test {
 protected:
  auto Record() {
    return [this](std::span<int> items) {
      absl::MutexLock lock(&mutex_);
      batches_.emplace_back(items.begin(), items.end());
    };
  }
  Batches batches() {
    absl::MutexLock lock(&mutex_);
    return batches_;
  }

 private:
  absl::Mutex mutex_;
  Batches batches_;
};

// Runs nothing before it is told to, and takes no more when it is told so.
class HeldExecutor final : public Executor {
 public:
  void Run() { executor_.Run(); }
  void set_full() { full_ = true; }

  absl::Status Schedule(Task task) override {
    if (full_) return absl::ResourceExhaustedError("full");
    return executor_.Schedule(std::move(task));
  }
  TimerId ScheduleAfter(absl::Duration delay, Task task) override {
    return executor_.ScheduleAfter(delay, std::move(task));
  }
  bool Cancel(TimerId timer) override { return executor_.Cancel(timer); }
  bool Await(absl::Mutex* mutex, const absl::Condition& condition,
             absl::Duration timeout) override {
    return executor_.Await(mutex, condition, timeout);
  }

 private:
  FakeClock clock_;
  TestExecutor executor_{&clock_};
  bool full_ = false;
};

TEST_F(BatcherTest, WhatWaitsTogetherIsWorkedOnTogether) {
  HeldExecutor executor;
  Batcher<int> batcher(&executor, 4, Record());
  for (int i = 0; i < 6; ++i) batcher.Add(i);
  EXPECT_EQ(batches(), Batches());
  executor.Run();
  EXPECT_EQ(batches(), (Batches{{0, 1, 2, 3}, {4, 5}}));
}

TEST_F(BatcherTest, NothingWaitsForABatchToFill) {
  HeldExecutor executor;
  Batcher<int> batcher(&executor, 4, Record());
  batcher.Add(1);
  executor.Run();
  batcher.Add(2);
  executor.Run();
  EXPECT_EQ(batches(), (Batches{{1}, {2}}));
}

TEST_F(BatcherTest, WithoutRoomInTheExecutorItWorksHere) {
  HeldExecutor executor;
  Batcher<int> batcher(&executor, 4, Record());
  batcher.Add(1);
  executor.set_full();
  batcher.Add(2);
  EXPECT_EQ(batches(), (Batches{{1, 2}}));
}

TEST_F(BatcherTest, ItemsOutliveIt) {
  HeldExecutor executor;
  {
    Batcher<int> batcher(&executor, 2, Record());
    batcher.Add(7);
  }
  executor.Run();
  EXPECT_EQ(batches(), (Batches{{7}}));
}

TEST_F(BatcherTest, EveryItemIsWorkedOnOnceByManyThreads) {
  constexpr int kItems = 10000;
  {
    auto executor = ThreadPoolExecutor::Create(
        {.name = "batch", .threads = 4, .queue_limit = 16});
    ASSERT_TRUE(executor.ok());
    Batcher<int> batcher(executor->get(), 3, Record());
    for (int i = 0; i < kItems; ++i) batcher.Add(i);
  }
  std::vector<int> all;
  for (const std::vector<int>& batch : batches()) {
    EXPECT_LE(batch.size(), 3u);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  std::sort(all.begin(), all.end());
  std::vector<int> expected(kItems);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace cairn
