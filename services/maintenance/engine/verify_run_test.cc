#include "services/maintenance/engine/verify_run.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_run.h"
#include "services/maintenance/engine/pack_proofs.h"

namespace cairn::maintenance {
namespace {

using Suite = FakeRunSuite;

class VerifyRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(suite_.Start());
    suite_.AddPack(1, 0, 10);
    suite_.AddPack(2, 10, 20);
    suite_.AddPack(3, 20, 30);
    suite_.AddBackup(1, 0, 15);
    suite_.AddBackup(2, 10, 20);
  }

  absl::StatusOr<VerifyRunResult> Run(VerifyRunOptions asked = {}) {
    asked.scope.parent.datastore = "main";
    control_ = std::make_unique<RecordingControl>();
    control_->at_checkpoint = at_checkpoint_;
    VerifyRun run(options_, suite_.Peers(), Suite::Id(++tasks_), asked,
                  control_.get());
    return run.Run();
  }
  Verification Found(int n) {
    for (const Snapshot& snapshot : suite_.index.snapshots()) {
      if (snapshot.name.ToString() == Suite::SnapshotOf(n)) {
        return snapshot.verification;
      }
    }
    return {};
  }
  void ExpectNothingHeld() {
    EXPECT_EQ(suite_.store_sweep.set_count(), 0u);
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
    EXPECT_EQ(state.live_leases, 0u);
    EXPECT_EQ(suite_.executor.timers(), 0u);
  }

  FakeRunSuite suite_;
  VerifyRun::Options options_;
  std::unique_ptr<RecordingControl> control_;
  std::function<absl::Status(const std::string&)> at_checkpoint_;
  uint64_t tasks_ = 100;
};

TEST_F(VerifyRunTest, GoodSnapshotsAreSaidToBeGood) {
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Run());
  EXPECT_EQ(result.snapshots, 2u);
  EXPECT_EQ(result.verified_ok, 2u);
  EXPECT_EQ(result.verified_failed, 0u);
  EXPECT_EQ(result.packs, 2u) << "nothing refers to the third";
  EXPECT_EQ(result.records, 20u);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(Found(1).state, VerifyState::kOk);
  EXPECT_EQ(Found(1).task, Suite::Id(101));
  EXPECT_EQ(Found(1).time, suite_.clock.Now());
  ExpectNothingHeld();
}

TEST_F(VerifyRunTest, DamageNamesSnapshotsAndRangesAndStopsNothing) {
  suite_.store_sweep.Find(Suite::Chunk(12)).rotten = true;
  suite_.store_sweep.Find(Suite::Chunk(3)).rotten = true;
  suite_.store_sweep.Find(Suite::Chunk(25)).rotten = true;
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Run());
  EXPECT_EQ(result.damaged_records, 2u);
  EXPECT_EQ(result.verified_failed, 2u);
  EXPECT_EQ(result.packs, 2u);
  ASSERT_EQ(result.damage.size(), 2u);
  EXPECT_EQ(result.damage[0].damaged_bytes, 200u);
  EXPECT_EQ(result.damage[0].ranges,
            (std::vector<DamagedRange>{{"root.img", 300, 100},
                                       {"root.img", 1200, 100}}));
  EXPECT_EQ(Found(1).state, VerifyState::kFailed);
  EXPECT_EQ(Found(1).damage.size(), 2u);
  EXPECT_EQ(Found(2).damaged_bytes, 100u);
  EXPECT_TRUE(control_->Logged("cannot be restored whole"));
}

TEST_F(VerifyRunTest, MissingRecordsFailWithoutARead) {
  suite_.store_sweep.Find(Suite::Chunk(3)).bad = true;
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Run({.light = true}));
  EXPECT_EQ(result.missing_records, 1u);
  EXPECT_EQ(result.verified_failed, 1u);
  EXPECT_EQ(result.verified_ok, 1u);
  EXPECT_EQ(Found(1).state, VerifyState::kFailed);
  EXPECT_EQ(Found(2).state, VerifyState::kNever)
      << "that it is there does not make it good";
}

TEST_F(VerifyRunTest, ALightVerifyDoesNotSeeRot) {
  suite_.store_sweep.Find(Suite::Chunk(3)).rotten = true;
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Run({.light = true}));
  EXPECT_EQ(result.verified_failed, 0u);
}

TEST_F(VerifyRunTest, SkipsWhatIsFreshButNeverWhatHasFailed) {
  suite_.store_sweep.Find(Suite::Chunk(3)).rotten = true;
  ASSERT_OK(Run());
  suite_.clock.Advance(absl::Hours(1));
  const VerifyRunOptions fresh = {.outdated_after = absl::Hours(24)};
  ASSERT_OK_AND_ASSIGN(VerifyRunResult result, Run(fresh));
  EXPECT_EQ(result.snapshots, 1u);
  EXPECT_EQ(result.packs, 0u) << "they were proved an hour ago";
  EXPECT_EQ(result.verified_failed, 1u);
  // A backup has healed it.
  suite_.store_sweep.Find(Suite::Chunk(3)) = {.bytes = 1 << 20};
  ASSERT_OK_AND_ASSIGN(result, Run(fresh));
  EXPECT_EQ(result.verified_ok, 1u);
  EXPECT_EQ(Found(1).state, VerifyState::kOk);
  ASSERT_OK_AND_ASSIGN(result, Run(fresh));
  EXPECT_EQ(result.snapshots, 0u);
  EXPECT_TRUE(result.complete);
  suite_.clock.Advance(absl::Hours(48));
  ASSERT_OK_AND_ASSIGN(result, Run(fresh));
  EXPECT_EQ(result.snapshots, 2u);
  EXPECT_EQ(result.packs, 2u);
}

TEST_F(VerifyRunTest, ABudgetThatIsOverCallsNobodyGood) {
  ASSERT_OK_AND_ASSIGN(VerifyRunResult result, Run({.max_bytes = 1}));
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.packs, 1u);
  EXPECT_EQ(result.verified_ok, 0u);
  EXPECT_EQ(Found(1).state, VerifyState::kNever);
  // The next one goes on with what was not proved.
  suite_.clock.Advance(absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(result, Run({.max_bytes = 1}));
  EXPECT_EQ(suite_.store_sweep.verified().back(), std::vector<uint32_t>{2});
  // All packs are proved within the time: what they hold is good.
  ASSERT_OK_AND_ASSIGN(result, Run({.outdated_after = absl::Hours(24)}));
  EXPECT_EQ(result.packs, 0u);
  EXPECT_EQ(result.verified_ok, 2u);
}

TEST_F(VerifyRunTest, TimeEndsItBetweenSteps) {
  options_.batch_packs = 1;
  at_checkpoint_ = [this](const std::string& phase) {
    if (phase == "verify") suite_.clock.Advance(absl::Minutes(1));
    return absl::OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result,
                       Run({.max_time = absl::Seconds(90)}));
  EXPECT_EQ(result.packs, 1u);
  EXPECT_FALSE(result.complete);
}

TEST_F(VerifyRunTest, OneSnapshotAlone) {
  VerifyRunOptions asked;
  const SnapshotName name = *SnapshotName::Parse(Suite::SnapshotOf(2));
  asked.scope.group = name.group;
  asked.scope.snapshot = name.time;
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Run(asked));
  EXPECT_EQ(result.snapshots, 1u);
  EXPECT_EQ(result.records, 10u);
  EXPECT_EQ(Found(1).state, VerifyState::kNever);
  EXPECT_EQ(Found(2).state, VerifyState::kOk);
  asked.scope.snapshot = name.time + 1;
  EXPECT_THAT(Run(asked), StatusIs(absl::StatusCode::kNotFound));
  ExpectNothingHeld();
}

TEST_F(VerifyRunTest, RunsBesideASweep) {
  ASSERT_OK(suite_.Acquire(1, {Suite::Exclusive(Suite::kSweep)},
                           LeasePurpose::kSweep));
  EXPECT_OK(Run());
}

TEST_F(VerifyRunTest, ASnapshotThatGoesMeanwhileIsNoFailure) {
  suite_.store_sweep.Find(Suite::Chunk(3)).bad = true;
  at_checkpoint_ = [this](const std::string& phase) {
    if (phase == "references")
      suite_.index.RemoveSnapshot(Suite::SnapshotOf(1));
    return absl::OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Run());
  EXPECT_EQ(result.verified_failed, 0u);
}

TEST_F(VerifyRunTest, AnErrorOfAnyStepLeavesNothingHeld) {
  for (int fail_at = 0;; ++fail_at) {
    SCOPED_TRACE(fail_at);
    int calls = 0;
    bool failed = false;
    const auto fail = [&](const auto&) -> absl::Status {
      if (failed || calls++ != fail_at) return absl::OkStatus();
      failed = true;
      return absl::UnavailableError("it breaks");
    };
    suite_.index_sweep.SetHook(fail);
    suite_.store_sweep.SetHook(fail);
    at_checkpoint_ = fail;
    const auto result = Run();
    // Only that a set could not be dropped is not told.
    if (!failed) break;
    if (calls == fail_at + 1 && result.ok()) continue;
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnavailable));
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
    EXPECT_EQ(state.live_leases, 0u);
    EXPECT_EQ(suite_.executor.timers(), 0u);
  }
}

TEST_F(VerifyRunTest, TellsTheDebt) {
  ASSERT_OK_AND_ASSIGN(VerifyDebt debt,
                       ReadVerifyDebt(suite_.call, suite_.Peers(), "main"));
  EXPECT_EQ(debt.pack_bytes, suite_.store_sweep.pack_bytes());
  EXPECT_EQ(debt.never_proved_bytes, debt.pack_bytes);
  ASSERT_OK(Run());
  ASSERT_OK_AND_ASSIGN(debt,
                       ReadVerifyDebt(suite_.call, suite_.Peers(), "main"));
  EXPECT_EQ(debt.never_proved_bytes * 3, debt.pack_bytes);
}

}  // namespace
}  // namespace cairn::maintenance
