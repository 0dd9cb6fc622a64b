#include "services/maintenance/storage/sweep_store.h"

#include <random>
#include <string>

#include "common/kv/memory_kv_store.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

StoredSweep Sweep(const std::string& datastore, TaskState state) {
  StoredSweep sweep;
  sweep.datastore = datastore;
  sweep.numbers.epoch = 5;
  sweep.numbers.token = 6;
  sweep.numbers.cut = 4;
  sweep.task.bytes[3] = 7;
  sweep.start_time = absl::FromUnixSeconds(1000);
  sweep.state = state;
  return sweep;
}

TEST(SweepStoreTest, RemembersTheLastOfEachDatastore) {
  std::mt19937_64 random{TestSeed()};
  MemoryKvStore kv(2);
  SweepStore store(&kv, 1);
  ASSERT_OK(store.Put(Sweep("main", TaskState::kFailed)));
  ASSERT_OK(store.Put(Sweep("other", TaskState::kRunning)));
  StoredSweep last = Sweep("main", TaskState::kSucceeded);
  last.numbers.token = 7;
  last.end_time = absl::FromUnixSeconds(2000);
  ASSERT_OK(store.Put(last));
  kv.PowerCut(random);
  kv.Recover();
  ASSERT_OK_AND_ASSIGN(const auto sweeps, store.Load());
  ASSERT_EQ(sweeps.size(), 2u);
  EXPECT_EQ(sweeps[0].datastore, "main");
  EXPECT_EQ(sweeps[0].numbers, last.numbers);
  EXPECT_EQ(sweeps[0].task, last.task);
  EXPECT_EQ(sweeps[0].start_time, last.start_time);
  EXPECT_EQ(sweeps[0].end_time, last.end_time);
  EXPECT_EQ(sweeps[0].state, TaskState::kSucceeded);
  EXPECT_FALSE(sweeps[1].end_time.has_value());
}

TEST(SweepStoreTest, ARestartInterruptsWhatWasRunning) {
  MemoryKvStore kv(1);
  SweepStore store(&kv, 0);
  ASSERT_OK(store.Put(Sweep("main", TaskState::kRunning)));
  ASSERT_OK(store.Put(Sweep("other", TaskState::kFailed)));
  ASSERT_OK(store.InterruptAll(absl::FromUnixSeconds(3000)));
  ASSERT_OK_AND_ASSIGN(const auto sweeps, store.Load());
  EXPECT_EQ(sweeps[0].state, TaskState::kInterrupted);
  EXPECT_EQ(sweeps[0].end_time, absl::FromUnixSeconds(3000));
  EXPECT_EQ(sweeps[1].state, TaskState::kFailed);
}

TEST(SweepStoreTest, NamesARowThatCannotBeRead) {
  MemoryKvStore kv(1);
  SweepStore store(&kv, 0);
  ASSERT_OK(store.Put(Sweep("main", TaskState::kRunning)));
  for (const std::string& value : {std::string("\xff\xff"), std::string()}) {
    KvBatch batch;
    batch.Put(0, std::string("main\0", 5), value);
    ASSERT_OK(kv.Commit(batch, Durability::kSynced));
    EXPECT_THAT(store.Load(), StatusIs(absl::StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace cairn::maintenance
