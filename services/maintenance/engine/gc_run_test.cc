#include "services/maintenance/engine/gc_run.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_run.h"

namespace cairn::maintenance {
namespace {

using Reason = LaterBytes::Reason;
using Suite = FakeRunSuite;
constexpr uint64_t kMiB = uint64_t{1} << 20;

class GcRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(suite_.Start());
    ASSERT_OK(suite_.State());
  }

  absl::StatusOr<GcRunResult> Run(GcRunOptions asked = {}) {
    asked.datastore = "main";
    control_ = std::make_unique<RecordingControl>();
    control_->at_checkpoint = at_checkpoint_;
    GcRun run(options_, suite_.Peers(), &suite_.metrics, Suite::Id(++tasks_),
              asked, control_.get());
    return run.Run();
  }
  absl::StatusOr<GcRunResult> RunAll() {
    return Run({.live_percent = 100, .allow_empty = true});
  }
  static const LaterBytes* Find(const GcRunResult& result, Reason reason) {
    const auto found = std::find_if(
        result.later.begin(), result.later.end(),
        [reason](const LaterBytes& later) { return later.reason == reason; });
    return found == result.later.end() ? nullptr : &*found;
  }
  TaskState SweepState() {
    const auto sweeps = suite_.sweeps.Load();
    EXPECT_OK(sweeps);
    return sweeps.ok() && !sweeps->empty() ? sweeps->back().state
                                           : TaskState::kQueued;
  }
  // Neither side, nor the lease, keeps anything of a sweep.
  void ExpectNothingHeld() {
    EXPECT_FALSE(suite_.index_sweep.in_sweep());
    EXPECT_FALSE(suite_.store_sweep.in_sweep());
    EXPECT_EQ(suite_.store_sweep.set_count(), 0u);
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
    EXPECT_EQ(state.live_leases, 0u);
    EXPECT_EQ(suite_.executor.timers(), 0u);
  }

  FakeRunSuite suite_;
  GcRun::Options options_;
  std::unique_ptr<RecordingControl> control_;
  std::function<absl::Status(const std::string&)> at_checkpoint_;
  uint64_t tasks_ = 100;
};

TEST_F(GcRunTest, FreesWhatNothingRefersToExactly) {
  suite_.AddPack(1, 0, 10);
  suite_.AddPack(2, 10, 20);
  suite_.AddPack(3, 20, 30);
  suite_.AddBackup(1, 0, 15);
  const uint64_t before = suite_.store_sweep.pack_bytes();
  ASSERT_OK_AND_ASSIGN(const GcRunResult result, Run({.live_percent = 100}));
  EXPECT_EQ(result.dropped_records, 15u);
  EXPECT_EQ(result.dropped_bytes, 15 * kMiB);
  EXPECT_EQ(result.removed_packs, 2u);
  EXPECT_EQ(result.compacted_packs, 1u);
  EXPECT_EQ(result.copied_bytes, 5 * kMiB);
  EXPECT_EQ(before - suite_.store_sweep.pack_bytes(), result.freed_bytes);
  EXPECT_EQ(result.snapshots, 1u);
  EXPECT_EQ(result.marked_records, 15u);
  EXPECT_TRUE(result.later.empty());
  EXPECT_EQ(control_->phases,
            (std::vector<std::string>{"begin", "mark", "plan", "sweep", "pages",
                                      "end"}));
  EXPECT_EQ(SweepState(), TaskState::kSucceeded);
  ExpectNothingHeld();
  // And there is nothing left to do.
  ASSERT_OK_AND_ASSIGN(const GcRunResult again, Run({.live_percent = 100}));
  EXPECT_EQ(again.dropped_records, 0u);
  EXPECT_EQ(again.copied_bytes, 0u);
}

TEST_F(GcRunTest, TrashIsFreedLaterAndSaidSo) {
  suite_.AddPack(1, 0, 10);
  suite_.AddPack(2, 10, 20);
  suite_.AddBackup(1, 0, 10);
  suite_.Trash(suite_.AddBackup(2, 5, 20), absl::Hours(24));
  ASSERT_OK_AND_ASSIGN(GcRunResult result, RunAll());
  EXPECT_EQ(result.dropped_records, 0u);
  const LaterBytes* const later = Find(result, Reason::kTrash);
  ASSERT_NE(later, nullptr);
  EXPECT_EQ(later->bytes, 10 * kMiB);
  EXPECT_EQ(later->until, suite_.clock.Now() + absl::Hours(24));
  EXPECT_TRUE(suite_.chunks.appended().empty());

  suite_.clock.Advance(absl::Hours(25));
  ASSERT_OK_AND_ASSIGN(result, RunAll());
  EXPECT_EQ(result.dropped_records, 10u);
  EXPECT_EQ(result.removed_snapshots, 1u);
  EXPECT_TRUE(result.later.empty());
  EXPECT_EQ(suite_.index.snapshots().size(), 1u);
}

TEST_F(GcRunTest, WhatIsGoneIsSaidInThePacksBeforeAnythingIsDropped) {
  suite_.AddPack(1, 0, 10);
  suite_.Trash(suite_.AddBackup(1, 0, 5));
  suite_.Trash(suite_.AddBackup(2, 5, 10));
  suite_.AddBackup(3, 0, 0);
  size_t appended_first = 0;
  suite_.store_sweep.SetHook([&](std::string_view method) {
    if (method == "SweepPacks" && appended_first == 0) {
      appended_first = suite_.chunks.appended().size();
    }
    return absl::OkStatus();
  });
  ASSERT_OK(RunAll());
  EXPECT_EQ(appended_first, 2u);
  EXPECT_EQ(suite_.store_sweep.pack_count(), 0u);
}

// Issue 5, "done when" 5.
TEST_F(GcRunTest, WhatAnOldSessionMayNeedIsFreedWhenItHasEnded) {
  suite_.AddPack(1, 0, 10);
  suite_.AddPack(2, 10, 20);
  suite_.AddBackup(1, 0, 10);
  ASSERT_OK_AND_ASSIGN(const Lease session,
                       suite_.Acquire(1, {Suite::Exclusive(Suite::Group(2))},
                                      LeasePurpose::kBackup, "old ingest"));
  // It was told that these are present.
  for (int i = 10; i < 15; ++i) {
    suite_.store_sweep.Find(Suite::Chunk(i)).touch = session.start_epoch;
  }
  for (int i = 15; i < 20; ++i)
    suite_.store_sweep.Find(Suite::Chunk(i)).touch = 0;
  suite_.index_sweep.ReferFromSession(session.start_epoch,
                                      Suite::Chunks(19, 20));
  ASSERT_OK_AND_ASSIGN(GcRunResult result, RunAll());
  EXPECT_EQ(result.cut, session.start_epoch);
  EXPECT_EQ(result.dropped_records, 4u);
  const LaterBytes* const later = Find(result, Reason::kSession);
  ASSERT_NE(later, nullptr);
  EXPECT_EQ(later->bytes, 6 * kMiB);
  EXPECT_TRUE(absl::StrContains(later->holder, session.id.ToString()));
  EXPECT_TRUE(absl::StrContains(later->holder, "old ingest"));
  EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(session)), IsOk())
      << "it is not fenced";

  ASSERT_OK(suite_.Release(1));
  suite_.index_sweep.EndSessions();
  ASSERT_OK_AND_ASSIGN(result, RunAll());
  EXPECT_EQ(result.dropped_records, 6u);
  EXPECT_TRUE(result.later.empty());
}

TEST_F(GcRunTest, AReaderKeepsWhatIsGone) {
  suite_.AddPack(1, 0, 10);
  const Snapshot snapshot = suite_.AddBackup(1, 0, 10);
  ASSERT_OK(suite_.Acquire(1, {Suite::Shared(snapshot.name.ToString())},
                           LeasePurpose::kRestore));
  suite_.Trash(snapshot);
  ASSERT_OK_AND_ASSIGN(GcRunResult result, RunAll());
  EXPECT_EQ(result.dropped_records, 0u);
  EXPECT_EQ(result.removed_snapshots, 0u);
  ASSERT_OK(suite_.Release(1));
  ASSERT_OK_AND_ASSIGN(result, RunAll());
  EXPECT_EQ(result.dropped_records, 10u);
  EXPECT_EQ(result.removed_snapshots, 1u);
}

TEST_F(GcRunTest, APlanDecidesNothing) {
  suite_.AddPack(1, 0, 10);
  suite_.AddPack(2, 10, 20);
  suite_.AddBackup(1, 0, 5);
  suite_.Trash(suite_.AddBackup(2, 5, 10));
  ASSERT_OK_AND_ASSIGN(const Lease lost,
                       suite_.Acquire(1, {Suite::Exclusive(Suite::Group(2))}));
  suite_.clock.Advance(absl::Minutes(2));
  const uint64_t before = suite_.store_sweep.pack_bytes();
  ASSERT_OK_AND_ASSIGN(const GcRunResult result,
                       Run({.live_percent = 100, .validate_only = true}));
  EXPECT_EQ(result.dropped_records, 10u);
  EXPECT_GT(result.freed_bytes, 10 * kMiB);
  ASSERT_NE(Find(result, Reason::kTrash), nullptr);
  EXPECT_EQ(suite_.store_sweep.pack_bytes(), before);
  EXPECT_EQ(suite_.index.snapshots()[1].state, SnapshotState::kTrash);
  EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(lost)), IsOk())
      << "what may come back is not fenced by a look";
  EXPECT_TRUE(suite_.chunks.appended().empty());
  ExpectNothingHeld();
}

TEST_F(GcRunTest, AnEmptyViewDropsNothingUnlessItIsAllowed) {
  suite_.AddPack(1, 0, 10);
  EXPECT_THAT(Run(), HasReasonCode(reason::kEmptyView));
  EXPECT_EQ(SweepState(), TaskState::kFailed);
  ExpectNothingHeld();
  EXPECT_EQ(suite_.store_sweep.pack_count(), 1u);
  ASSERT_OK(Run({.validate_only = true}));
  ASSERT_OK(Run({.allow_empty = true}));
  EXPECT_EQ(suite_.store_sweep.pack_count(), 0u);
  EXPECT_OK(Run()) << "where nothing is, nothing is guarded";
}

TEST_F(GcRunTest, OneSweepAtATime) {
  ASSERT_OK(suite_.Acquire(1, {Suite::Exclusive(Suite::kSweep)},
                           LeasePurpose::kSweep));
  EXPECT_THAT(Run(), HasReasonCode(reason::kLeaseHeld));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.epoch, 1u);
}

TEST_F(GcRunTest, APublishBesideTheBeginIsNoOldCopyOfIndex) {
  suite_.AddPack(1, 0, 10);
  suite_.AddBackup(1, 0, 5);
  int publishes = 0;
  suite_.store_sweep.SetHook([&](std::string_view method) {
    if (method != "BeginSweep" || publishes == 2) return absl::OkStatus();
    ++publishes;
    FenceState fence = suite_.index.fence(suite_.ref);
    StoreState store = suite_.chunks.state(suite_.ref);
    store.sequence = ++fence.sequence;
    suite_.index.SetFence(suite_.ref, fence);
    suite_.chunks.SetState(suite_.ref, store);
    return absl::OkStatus();
  });
  ASSERT_OK_AND_ASSIGN(const GcRunResult result, RunAll());
  EXPECT_EQ(publishes, 2);
  EXPECT_EQ(result.dropped_records, 5u);
}

TEST_F(GcRunTest, AnOldCopyOfIndexSweepsNothing) {
  suite_.AddPack(1, 0, 10);
  suite_.AddBackup(1, 0, 5);
  StoreState store = suite_.chunks.state(suite_.ref);
  store.sequence = 5;
  suite_.chunks.SetState(suite_.ref, store);
  EXPECT_THAT(RunAll(), HasReasonCode(reason::kIndexBehind));
  EXPECT_EQ(suite_.store_sweep.pack_count(), 1u);
  suite_.index.SetFence(suite_.ref, {.sequence = 5});
  ExpectNothingHeld();
}

TEST_F(GcRunTest, BudgetsAndThresholdAreToldAsLater) {
  for (int i = 0; i < 4; ++i) suite_.AddPack(i + 1, 10 * i, 10 * i + 10);
  suite_.AddBackup(1, 0, 9);    // 90 %
  suite_.AddBackup(2, 10, 12);  // 20 %
  suite_.AddBackup(3, 20, 24);  // 40 %
  ASSERT_OK_AND_ASSIGN(GcRunResult result,
                       Run({.live_percent = 80, .max_copy_bytes = 3 * kMiB}));
  EXPECT_EQ(result.removed_packs, 2u);
  ASSERT_NE(Find(result, Reason::kThreshold), nullptr);
  EXPECT_NEAR(Find(result, Reason::kThreshold)->bytes, kMiB, 1000);
  ASSERT_NE(Find(result, Reason::kBudget), nullptr);
  EXPECT_NEAR(Find(result, Reason::kBudget)->bytes, 6 * kMiB, 1000);
  ASSERT_OK_AND_ASSIGN(
      result, Run({.live_percent = 80, .max_time = absl::ZeroDuration()}));
  EXPECT_EQ(result.removed_packs, 0u);
  EXPECT_NEAR(Find(result, Reason::kBudget)->bytes, 6 * kMiB, 1000);
}

TEST_F(GcRunTest, AFullDiskStillDropsWholePacks) {
  suite_.AddPack(1, 0, 10);
  suite_.AddPack(2, 10, 20);
  suite_.AddBackup(1, 0, 1);
  suite_.store_sweep.SetFull(true);
  ASSERT_OK_AND_ASSIGN(const GcRunResult result, RunAll());
  EXPECT_EQ(result.removed_packs, 1u);
  ASSERT_NE(Find(result, Reason::kBudget), nullptr);
  EXPECT_TRUE(control_->Logged("no room"));
}

TEST_F(GcRunTest, DamageKeepsItsPackAndIsToldLoudly) {
  suite_.AddPack(1, 0, 10);
  suite_.AddBackup(1, 0, 5);
  suite_.store_sweep.Find(Suite::Chunk(3)).rotten = true;
  ASSERT_OK_AND_ASSIGN(GcRunResult result, RunAll());
  EXPECT_EQ(result.removed_packs, 0u);
  ASSERT_NE(Find(result, Reason::kDamage), nullptr);
  EXPECT_TRUE(control_->Logged("do not prove"));
  ASSERT_OK_AND_ASSIGN(result, RunAll());
  EXPECT_EQ(result.missing_records, 1u);
  EXPECT_TRUE(control_->Logged("not to be had"));
  EXPECT_THAT(
      suite_.registry.Text(),
      ::testing::HasSubstr("cairn_gc_missing_records{datastore=\"main\"} 1\n"));
}

TEST_F(GcRunTest, AJumpOfTheClockKeepsTrashUnlessItIsConfirmed) {
  suite_.AddPack(1, 0, 10);
  suite_.AddBackup(2, 0, 5);
  suite_.Trash(suite_.AddBackup(1, 5, 10));
  suite_.index_sweep.SetClockJumped(true);
  ASSERT_OK_AND_ASSIGN(GcRunResult result, RunAll());
  EXPECT_EQ(result.dropped_records, 0u);
  EXPECT_TRUE(control_->Logged("clock"));
  ASSERT_OK_AND_ASSIGN(result,
                       Run({.live_percent = 100, .confirm_clock = true}));
  EXPECT_EQ(result.dropped_records, 5u);
}

TEST_F(GcRunTest, RenewsItsLeaseAndStopsWhenItIsLost) {
  suite_.AddPack(1, 0, 10);
  suite_.AddPack(2, 10, 20);
  suite_.AddBackup(1, 0, 1);
  at_checkpoint_ = [this](const std::string&) {
    suite_.executor.AdvanceAndRun(absl::Seconds(50));
    return absl::OkStatus();
  };
  EXPECT_OK(RunAll()) << "however long it takes";
  suite_.AddPack(3, 20, 30);
  at_checkpoint_ = [this](const std::string&) {
    // This process slept, and another sweep has begun.
    suite_.clock.Advance(absl::Minutes(5));
    suite_.Acquire(1, {Suite::Exclusive(Suite::kSweep)}, LeasePurpose::kSweep)
        .IgnoreError();
    suite_.executor.Run();
    return absl::OkStatus();
  };
  EXPECT_THAT(RunAll(), HasReasonCode(reason::kLeaseExpired));
  EXPECT_TRUE(suite_.store_sweep.Has(Suite::Chunk(25)));
}

// Each call of each peer fails once, and each checkpoint cancels once: the run
// ends with that error, holds nothing, keeps what is referred to, and the next
// run takes all the garbage.
TEST_F(GcRunTest, AnErrorOfAnyStepAbandonsTheSweep) {
  for (int fail_at = 0;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    FakeRunSuite suite;
    ASSERT_OK(suite.Start());
    ASSERT_OK(suite.State());
    suite.AddPack(1, 0, 10);
    suite.AddPack(2, 10, 20);
    suite.AddBackup(1, 0, 5);
    suite.Trash(suite.AddBackup(2, 5, 10));
    int calls = 0;
    bool failed = false;
    const auto fail = [&]() -> absl::Status {
      if (failed || calls++ != fail_at) return absl::OkStatus();
      failed = true;
      return absl::UnavailableError("it breaks");
    };
    const auto by_hook = [&](std::string_view) { return fail(); };
    suite.index_sweep.SetHook(by_hook);
    suite.store_sweep.SetHook(by_hook);
    suite.chunks.SetHook(
        [&](std::string_view) { suite.chunks.FailWith(fail()); });
    RecordingControl control;
    control.at_checkpoint = [&](const std::string&) { return fail(); };
    const auto result =
        GcRun({}, suite.Peers(), &suite.metrics, Suite::Id(1),
              {.datastore = "main", .live_percent = 100}, &control)
            .Run();
    if (!failed) {
      EXPECT_OK(result);
      EXPECT_GT(fail_at, 20);
      break;
    }
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable));
    suite.chunks.FailWith(absl::OkStatus());
    EXPECT_FALSE(suite.index_sweep.in_sweep());
    EXPECT_FALSE(suite.store_sweep.in_sweep());
    EXPECT_EQ(suite.executor.timers(), 0u);
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(suite.store_sweep.Has(Suite::Chunk(i)));
    }
    RecordingControl next;
    ASSERT_OK(GcRun({}, suite.Peers(), &suite.metrics, Suite::Id(2),
                    {.datastore = "main", .live_percent = 100}, &next)
                  .Run());
    EXPECT_EQ(suite.store_sweep.pack_bytes(), PackFileBytes(5, 5 * kMiB));
  }
}

// The process dies at any checkpoint: nothing but rows is left, and the next
// sweep starts over with new numbers.
TEST_F(GcRunTest, ACrashAtAnyStepIsMadeUpForByTheNextSweep) {
  for (int crash_at = 0;; ++crash_at) {
    SCOPED_TRACE(crash_at);
    FakeRunSuite suite;
    ASSERT_OK(suite.Start());
    ASSERT_OK(suite.State());
    suite.AddPack(1, 0, 10);
    suite.AddPack(2, 10, 20);
    suite.AddBackup(1, 0, 5);
    suite.Trash(suite.AddBackup(2, 5, 10));
    int steps = 0;
    bool crashed = false;
    RecordingControl control;
    control.at_checkpoint = [&](const std::string&) -> absl::Status {
      if (steps++ != crash_at) return absl::OkStatus();
      crashed = true;
      // From now on the former process reaches nobody.
      const auto dead = [](std::string_view) {
        return absl::UnavailableError("dead");
      };
      suite.index_sweep.SetHook(dead);
      suite.store_sweep.SetHook(dead);
      return absl::CancelledError("dead");
    };
    const auto result =
        GcRun({}, suite.Peers(), &suite.metrics, Suite::Id(1),
              {.datastore = "main", .live_percent = 100}, &control)
            .Run();
    if (!crashed) {
      EXPECT_OK(result);
      break;
    }
    suite.index_sweep.SetHook(nullptr);
    suite.store_sweep.SetHook(nullptr);
    ASSERT_OK(suite.Start());
    ASSERT_OK(suite.sweeps.InterruptAll(suite.clock.Now()));
    RecordingControl next;
    ASSERT_OK_AND_ASSIGN(
        const GcRunResult again,
        GcRun({}, suite.Peers(), &suite.metrics, Suite::Id(2),
              {.datastore = "main", .live_percent = 100}, &next)
            .Run());
    EXPECT_GT(again.token, 2u);
    EXPECT_EQ(suite.store_sweep.pack_bytes(), PackFileBytes(5, 5 * kMiB));
    EXPECT_EQ(suite.index.snapshots().size(), 1u);
  }
}

}  // namespace
}  // namespace cairn::maintenance
