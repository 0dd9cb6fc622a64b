#include "services/maintenance/engine/coordinator_rounds.h"

#include <memory>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"

namespace cairn::maintenance {
namespace {

class CoordinatorRoundsTest : public ::testing::Test {
 protected:
  CoordinatorRoundsTest() {
    other_.uuid.bytes[0] = 2;
    other_.generation = 1;
    suite_.index.AddDatastore("other", other_);
    EXPECT_THAT(suite_.Start(), IsOk());
    rounds_ = std::make_unique<CoordinatorRounds>(
        CoordinatorRounds::Options{},
        CoordinatorRounds::Dependencies{.clock = &suite_.clock,
                                        .executor = &suite_.executor,
                                        .catalog = &suite_.index,
                                        .coordinator = suite_.coordinator.get(),
                                        .metrics = &suite_.metrics});
  }

  uint64_t Floor(const DatastoreRef& ref) {
    return suite_.chunks.state(ref).floor;
  }

  FakeSuite suite_;
  DatastoreRef other_;
  std::unique_ptr<CoordinatorRounds> rounds_;
};

TEST_F(CoordinatorRoundsTest, TellsTheStoreEveryEpochAtTheStart) {
  rounds_->Start();
  suite_.executor.Run();
  EXPECT_EQ(Floor(suite_.ref), 1u);
  EXPECT_EQ(Floor(other_), 1u);
}

TEST_F(CoordinatorRoundsTest, TellsARestartedStoreAgain) {
  rounds_->Start();
  suite_.executor.Run();
  ASSERT_OK(suite_.Advance());
  suite_.chunks.Restart();
  EXPECT_EQ(Floor(suite_.ref), 0u);
  suite_.executor.AdvanceAndRun(absl::Seconds(10));
  EXPECT_EQ(Floor(suite_.ref), 2u);
  EXPECT_EQ(Floor(other_), 1u);
  const double pushes = suite_.metrics.touch_floor_pushes.Value();
  suite_.executor.AdvanceAndRun(absl::Seconds(100));
  EXPECT_EQ(suite_.metrics.touch_floor_pushes.Value(), pushes)
      << "nothing to tell";
}

TEST_F(CoordinatorRoundsTest, RepeatsSoonerAndNotTooOftenWhileOneIsDown) {
  int calls = 0;
  suite_.chunks.FailWith(absl::UnavailableError("store is down"));
  suite_.chunks.SetHook([&](std::string_view) { ++calls; });
  rounds_->Start();
  suite_.executor.Run();
  EXPECT_EQ(calls, 2) << "both datastores were tried";
  suite_.executor.AdvanceAndRun(absl::Minutes(10));
  EXPECT_EQ(calls, 2 * (1 + 4 + 58)) << "after 1, 2, 4, 8, then each 10 s";
  EXPECT_EQ(suite_.metrics.round_failures.Value(), calls / 2);
  suite_.chunks.FailWith(absl::OkStatus());
  EXPECT_THAT(rounds_->last_result(), StatusIs(absl::StatusCode::kUnavailable));
  suite_.executor.AdvanceAndRun(absl::Seconds(10));
  EXPECT_EQ(Floor(suite_.ref), 1u);
  EXPECT_THAT(rounds_->last_result(), IsOk());
}

TEST_F(CoordinatorRoundsTest, OneDatastoreInTroubleKeepsNoOtherFromItsFloor) {
  // "main" shows a number that nobody can go above.
  suite_.index.SetFence(suite_.ref, {.fence = 0,
                                     .sequence = 0,
                                     .highest_epoch = uint64_t{1} << 63,
                                     .highest_token = 0});
  rounds_->Start();
  suite_.executor.Run();
  EXPECT_EQ(Floor(suite_.ref), 0u);
  EXPECT_EQ(Floor(other_), 1u);
  EXPECT_EQ(suite_.metrics.round_failures.Value(), 1);
  // And the service from neither.
  EXPECT_THAT(rounds_->last_result(), IsOk());
}

TEST_F(CoordinatorRoundsTest, AdoptsNumbersThatTheStoreHasSeenAbove) {
  rounds_->Start();
  suite_.executor.Run();
  suite_.chunks.SetState(suite_.ref, {.token = 50, .floor = 60});
  suite_.executor.AdvanceAndRun(absl::Seconds(20));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.token, 51u);
  EXPECT_EQ(state.epoch, 61u);
}

TEST_F(CoordinatorRoundsTest, MakesExpiriesDurable) {
  ASSERT_OK(suite_.Acquire(1, {FakeSuite::Exclusive(FakeSuite::Group(1))}));
  rounds_->Start();
  suite_.executor.AdvanceAndRun(absl::Seconds(70));
  ASSERT_OK_AND_ASSIGN(const auto rows, LeaseStore(&suite_.kv).Load());
  ASSERT_EQ(rows.at("main").leases.size(), 1u);
  EXPECT_EQ(rows.at("main").leases[0].phase, LeasePhase::kExpired);
  EXPECT_EQ(rows.at("main").numbers->expired_epoch, 1u);
}

TEST_F(CoordinatorRoundsTest, StopEndsTheRounds) {
  rounds_->Start();
  suite_.executor.Run();
  EXPECT_EQ(suite_.executor.timers(), 1u);
  rounds_->Stop();
  rounds_->Stop();
  EXPECT_EQ(suite_.executor.timers(), 0u);
  suite_.chunks.Restart();
  suite_.executor.AdvanceAndRun(absl::Minutes(1));
  EXPECT_EQ(Floor(suite_.ref), 0u);
}

}  // namespace
}  // namespace cairn::maintenance
