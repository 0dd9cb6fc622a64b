// Many threads at one coordinator; the thread sanitizer looks on.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/status_matchers.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"

namespace cairn::maintenance {
namespace {

constexpr int kThreads = 6;
constexpr int kRounds = 60;

TEST(LeaseConcurrencyTest, NothingStaysHeldAndNumbersGoUpOneByOne) {
  FakeSuite suite;  // for what is around the coordinator
  const SystemClock clock;
  ASSERT_OK_AND_ASSIGN(auto pool,
                       ThreadPoolExecutor::Create({.threads = kThreads}));
  ASSERT_OK_AND_ASSIGN(const auto coordinator,
                       LeaseCoordinator::Open({}, {.clock = &clock,
                                                   .executor = pool.get(),
                                                   .kv = &suite.kv,
                                                   .catalog = &suite.index,
                                                   .fence = &suite.index,
                                                   .chunks = &suite.chunks,
                                                   .metrics = &suite.metrics}));
  suite.index.AddSnapshot(FakeSuite::SnapshotOf(1));
  std::atomic<uint64_t> advances = 0;
  std::atomic<uint64_t> sweeps = 0;
  std::atomic<int> sweeping = 0;
  const auto work = [&](int thread) {
    const Call call;
    for (int round = 0; round < kRounds; ++round) {
      const uint64_t id = 1000 * (thread + 1) + 3 * round;
      // A group of its own, a snapshot of all, and the one right to sweep.
      EXPECT_OK(coordinator->Acquire(
          call,
          suite.Request(id, {FakeSuite::Exclusive(FakeSuite::Group(thread))})));
      EXPECT_OK(coordinator->Acquire(
          call,
          suite.Request(id + 1, {FakeSuite::Shared(FakeSuite::SnapshotOf(1))},
                        LeasePurpose::kRestore)));
      if (coordinator
              ->Acquire(call,
                        suite.Request(id + 2,
                                      {FakeSuite::Exclusive(FakeSuite::kSweep)},
                                      LeasePurpose::kSweep))
              .ok()) {
        EXPECT_EQ(sweeping.fetch_add(1), 0);
        ++sweeps;
        EXPECT_OK(coordinator->AdvanceEpoch(call, "main"));
        ++advances;
        sweeping.fetch_sub(1);
      }
      if (round % 5 == 0) {
        EXPECT_OK(coordinator->AdvanceEpoch(call, "main"));
        ++advances;
        EXPECT_OK(coordinator->PushTouchFloor(call, "main"));
      }
      EXPECT_OK(coordinator->Renew(call, "main", FakeSuite::Id(id)));
      EXPECT_OK(coordinator->List(call, "main", {}));
      for (uint64_t n = id; n < id + 3; ++n) {
        EXPECT_OK(coordinator->Release(call, "main", FakeSuite::Id(n)));
      }
    }
  };
  absl::BlockingCounter done(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    ASSERT_OK(pool->Schedule([&, thread] {
      work(thread);
      done.DecrementCount();
    }));
  }
  done.Wait();
  ASSERT_OK_AND_ASSIGN(const EpochState state,
                       coordinator->GetEpoch({}, "main"));
  EXPECT_EQ(state.live_leases, 0u);
  EXPECT_EQ(state.epoch, 1 + advances.load());
  EXPECT_EQ(state.token, 1 + advances.load());
  EXPECT_GT(sweeps.load(), 0u);
  EXPECT_EQ(suite.index.fence(suite.ref).highest_token, state.token);
  EXPECT_EQ(suite.chunks.state(suite.ref).token, state.token);
  ASSERT_OK_AND_ASSIGN(const auto rows, LeaseStore(&suite.kv).Load());
  EXPECT_TRUE(rows.at("main").leases.empty());
  pool->Shutdown();
}

}  // namespace
}  // namespace cairn::maintenance
