// The numbers of a sweep, as the coordinator takes them.
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"
#include "services/maintenance/engine/lease_coordinator.h"

namespace cairn::maintenance {
namespace {

using Suite = FakeSuite;

class LeaseSweepTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(suite_.Start()); }

  absl::StatusOr<Lease> AcquireSweep(uint64_t id) {
    return suite_.Acquire(id, {Suite::Exclusive(Suite::kSweep)},
                          LeasePurpose::kSweep);
  }
  absl::StatusOr<SweepStart> Begin(uint64_t id) {
    return suite_.coordinator->BeginSweep(suite_.call, "main", Suite::Id(id));
  }
  std::vector<std::string> Leased() {
    const auto leased =
        suite_.coordinator->ListLeasedSnapshots(suite_.call, "main");
    EXPECT_OK(leased);
    return leased.value_or(std::vector<std::string>{});
  }

  FakeSuite suite_;
};

TEST_F(LeaseSweepTest, TakesNumbersAndTellsNobody) {
  ASSERT_OK(AcquireSweep(1));
  ASSERT_OK_AND_ASSIGN(const SweepStart start, Begin(1));
  EXPECT_EQ(start.numbers.epoch, 2u);
  EXPECT_EQ(start.numbers.token, 2u);
  EXPECT_EQ(start.numbers.cut, 2u);
  EXPECT_FALSE(start.oldest_writer.has_value());
  EXPECT_EQ(suite_.index.fence(suite_.ref).fence, 0u);
  EXPECT_EQ(suite_.chunks.state(suite_.ref).floor, 1u);
  // Neither a round nor a restart raises the floor to where the cut is.
  ASSERT_OK(suite_.coordinator->PushTouchFloor(suite_.call, "main"));
  ASSERT_OK(suite_.Start());
  ASSERT_OK(suite_.State());
  EXPECT_EQ(suite_.chunks.state(suite_.ref).floor, 1u);
}

TEST_F(LeaseSweepTest, NamesTheWriterThatHoldsBackTheCut) {
  ASSERT_OK(suite_.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
  ASSERT_OK(suite_.Advance());
  ASSERT_OK(suite_.Acquire(2, {Suite::Exclusive(Suite::Group(2))}));
  ASSERT_OK(AcquireSweep(3));
  ASSERT_OK_AND_ASSIGN(const SweepStart start, Begin(3));
  EXPECT_EQ(start.numbers.cut, 1u);
  ASSERT_TRUE(start.oldest_writer.has_value());
  EXPECT_EQ(start.oldest_writer->id, Suite::Id(1));
}

TEST_F(LeaseSweepTest, NeedsTheLease) {
  EXPECT_THAT(Begin(1), HasReasonCode(reason::kLeaseExpired));
  ASSERT_OK(suite_.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
  EXPECT_THAT(Begin(1), HasReasonCode(reason::kLeaseExpired));
  ASSERT_OK(AcquireSweep(2));
  EXPECT_THAT(AcquireSweep(3), HasReasonCode(reason::kLeaseHeld));
  suite_.clock.Advance(absl::Seconds(60));
  EXPECT_THAT(Begin(2), HasReasonCode(reason::kLeaseExpired));
}

TEST_F(LeaseSweepTest, AStoreThatHasRestartedIsToldTheEpochOfBefore) {
  ASSERT_OK(AcquireSweep(1));
  suite_.chunks.Restart();
  ASSERT_OK_AND_ASSIGN(const SweepStart start, Begin(1));
  EXPECT_EQ(suite_.chunks.state(suite_.ref).floor, start.numbers.epoch - 1);
  EXPECT_GT(start.numbers.cut, suite_.chunks.state(suite_.ref).floor);
}

TEST_F(LeaseSweepTest, AnOldCopyOfIndexMovesNoNumber) {
  ASSERT_OK(AcquireSweep(1));
  suite_.chunks.SetState(suite_.ref, {.sequence = 8, .floor = 1});
  EXPECT_THAT(Begin(1), HasReasonCode(reason::kIndexBehind));
  suite_.index.SetFence(suite_.ref, {.sequence = 8});
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.epoch, 1u);
}

TEST_F(LeaseSweepTest, LiveLeasesAloneHoldTheirSnapshots) {
  suite_.index.AddSnapshot(Suite::SnapshotOf(1));
  suite_.index.AddSnapshot(Suite::SnapshotOf(2));
  ASSERT_OK(suite_.Acquire(1, {Suite::Shared(Suite::SnapshotOf(1))},
                           LeasePurpose::kRestore));
  suite_.clock.Advance(absl::Seconds(30));
  ASSERT_OK(suite_.Acquire(2, {Suite::Shared(Suite::SnapshotOf(2))},
                           LeasePurpose::kRestore));
  ASSERT_OK(suite_.Acquire(
      3,
      {Suite::Exclusive(Suite::Group(3)), Suite::Shared(Suite::SnapshotOf(2))},
      LeasePurpose::kBackup));
  EXPECT_EQ(Leased(),
            (std::vector{Suite::SnapshotOf(1), Suite::SnapshotOf(2)}));
  suite_.clock.Advance(absl::Seconds(30));
  EXPECT_EQ(Leased(), std::vector{Suite::SnapshotOf(2)});
  // It comes back only if index still knows what it reads.
  suite_.index.RemoveSnapshot(Suite::SnapshotOf(1));
  EXPECT_THAT(suite_.Renew(1), HasReasonCode(reason::kLeaseExpired));
}

// Recorded before index is asked: a sweep between the two sees it.
TEST_F(LeaseSweepTest, AReaderThatIsBeingGrantedHoldsItsSnapshot) {
  suite_.index.AddSnapshot(Suite::SnapshotOf(1));
  ASSERT_OK(suite_.State());
  std::vector<std::string> seen;
  suite_.index.SetHook([&](std::string_view method) {
    if (method == "GetSnapshot") seen = Leased();
  });
  ASSERT_OK(suite_.Acquire(1, {Suite::Shared(Suite::SnapshotOf(1))},
                           LeasePurpose::kRestore));
  EXPECT_EQ(seen, std::vector{Suite::SnapshotOf(1)});
}

}  // namespace
}  // namespace cairn::maintenance
