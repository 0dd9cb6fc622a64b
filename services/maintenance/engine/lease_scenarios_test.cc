// The scenarios that shared locks with a leaking counter fail: A and B are
// instances of services that hold leases, the coordinator is asked by both.
// Every A stays alive until the end of its test, busy with something else.
#include <set>
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;

// An instance of a service: takes leases under its name and knows them until
// it is killed.
class Instance {
 public:
  Instance(FakeSuite* suite, std::string name)
      : suite_(suite), name_(std::move(name)) {}

  absl::StatusOr<Lease> Backup(uint64_t id, int group) {
    return Take(id, {FakeSuite::Exclusive(FakeSuite::Group(group))},
                LeasePurpose::kBackup);
  }
  absl::StatusOr<Lease> Read(uint64_t id, int group) {
    suite_->index.AddSnapshot(FakeSuite::SnapshotOf(group));
    return Take(id, {FakeSuite::Shared(FakeSuite::SnapshotOf(group))},
                LeasePurpose::kRestore);
  }
  absl::StatusOr<Lease> Sweep(uint64_t id) {
    return Take(id, {FakeSuite::Exclusive(FakeSuite::kSweep)},
                LeasePurpose::kSweep);
  }
  absl::StatusOr<Lease> WholeDatastore(uint64_t id) {
    return Take(id, {FakeSuite::Exclusive(FakeSuite::kDatastore)},
                LeasePurpose::kMaintenanceMode);
  }
  absl::Status End(uint64_t id) {
    held_.erase(id);
    return suite_->Release(id);
  }
  // kill -9: nothing is released.
  void Kill() { held_.clear(); }
  bool holds(uint64_t id) const { return held_.contains(id); }

 private:
  absl::StatusOr<Lease> Take(uint64_t id, std::vector<LeaseClaim> claims,
                             LeasePurpose purpose) {
    auto lease = suite_->Acquire(id, std::move(claims), purpose, name_);
    if (lease.ok()) held_.insert(id);
    return lease;
  }

  FakeSuite* const suite_;
  const std::string name_;
  std::set<uint64_t> held_;
};

class LeaseScenariosTest : public ::testing::Test {
 protected:
  LeaseScenariosTest() : a_(&suite_, "A"), b_(&suite_, "B") {
    EXPECT_THAT(suite_.Start(), IsOk());
  }

  FakeSuite suite_;
  Instance a_;
  Instance b_;
};

TEST_F(LeaseScenariosTest, L1OverlapLeavesNothingHeld) {
  for (const bool first_first : {true, false}) {
    ASSERT_OK(a_.Backup(1, 1));
    ASSERT_OK(a_.Read(2, 2));
    EXPECT_THAT(b_.WholeDatastore(3), HasReasonCode(reason::kLeaseHeld));
    ASSERT_OK(a_.End(first_first ? 1 : 2));
    EXPECT_THAT(b_.WholeDatastore(3), HasReasonCode(reason::kLeaseHeld));
    ASSERT_OK(a_.End(first_first ? 2 : 1));
    // With the leak: denied, although nobody holds anything.
    EXPECT_THAT(b_.WholeDatastore(3), IsOk());
    ASSERT_OK(b_.End(3));
    EXPECT_THAT(b_.Sweep(4), IsOk());
    ASSERT_OK(b_.End(4));
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
    EXPECT_EQ(state.live_leases, 0u);
  }
}

TEST_F(LeaseScenariosTest, L2ReleaseInsideExclusiveIsCounted) {
  ASSERT_OK(a_.Backup(1, 1));
  ASSERT_OK(a_.Sweep(2));
  EXPECT_THAT(b_.Sweep(3), HasReasonCode(reason::kLeaseHeld));
  ASSERT_OK(a_.End(1));  // during the sweep
  ASSERT_OK(a_.End(2));
  EXPECT_THAT(b_.Sweep(3), IsOk());
  ASSERT_OK(b_.End(3));
  // With the leak: the sweep of A leaves a shared lock behind.
  EXPECT_THAT(b_.WholeDatastore(4), IsOk());
}

TEST_F(LeaseScenariosTest, L3DowngradeIsReal) {
  ASSERT_OK(a_.Backup(1, 1));
  ASSERT_OK(a_.Sweep(2));
  ASSERT_OK(a_.End(2));
  EXPECT_THAT(b_.WholeDatastore(3),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(HasSubstr(FakeSuite::Id(1).ToString()),
                                        HasSubstr("holder \"A\""),
                                        HasSubstr("2026-01-01T00:00:00"))));
  ASSERT_OK(a_.End(1));
  EXPECT_THAT(b_.WholeDatastore(3), IsOk());
}

TEST_F(LeaseScenariosTest, L4TheOldestStartIsKnown) {
  const absl::Time start = suite_.clock.Now();
  ASSERT_OK_AND_ASSIGN(const Lease first, a_.Backup(1, 1));
  ASSERT_OK(suite_.Advance());
  suite_.clock.Advance(absl::Seconds(10));
  ASSERT_OK_AND_ASSIGN(const Lease second, a_.Backup(2, 2));
  EXPECT_LT(first.start_epoch, second.start_epoch);

  ASSERT_OK_AND_ASSIGN(EpochState state, suite_.Advance());
  EXPECT_EQ(state.oldest_lease_start, start);
  EXPECT_EQ(state.cut, first.start_epoch);
  ASSERT_OK(a_.End(1));
  ASSERT_OK_AND_ASSIGN(state, suite_.Advance());
  EXPECT_EQ(state.oldest_lease_start, start + absl::Seconds(10));
  EXPECT_EQ(state.cut, second.start_epoch);
  ASSERT_OK(a_.End(2));
  ASSERT_OK_AND_ASSIGN(state, suite_.Advance());
  EXPECT_EQ(state.oldest_lease_start, std::nullopt);
  EXPECT_EQ(state.cut, state.epoch) << "nobody holds the cut back";
}

TEST_F(LeaseScenariosTest, L5ReloadSweepsBesideADrainingInstance) {
  ASSERT_OK_AND_ASSIGN(const Lease s1, a_.Backup(1, 1));
  suite_.clock.Advance(absl::Seconds(50));
  // A drains; the process that hosts the coordinator is replaced.
  ASSERT_OK(suite_.Start());
  Instance a2(&suite_, "A'");
  ASSERT_OK(a2.Sweep(2));
  ASSERT_OK_AND_ASSIGN(EpochState state, suite_.Advance());
  EXPECT_EQ(state.cut, s1.start_epoch) << "the cut spares all that S1 touches";
  EXPECT_LT(state.cut, state.epoch);
  EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(s1)), IsOk());
  ASSERT_OK(a2.End(2));
  ASSERT_OK(a_.End(1));
  ASSERT_OK_AND_ASSIGN(state, suite_.Advance());
  EXPECT_EQ(state.cut, state.epoch);
}

TEST_F(LeaseScenariosTest, L5NoSweepWhileAStartIsUnknown) {
  ASSERT_OK_AND_ASSIGN(Lease lease, a_.Backup(1, 1));
  // A row of a lease whose epoch nobody knows.
  lease.start_epoch = 0;
  LeaseStore store(&suite_.kv);
  LeaseBatch batch;
  batch.PutLease(lease, LeasePhase::kLive);
  ASSERT_OK(store.Commit(batch));
  ASSERT_OK(suite_.Start());
  ASSERT_OK_AND_ASSIGN(const EpochState before, suite_.State());
  EXPECT_THAT(suite_.Advance(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr(FakeSuite::Id(1).ToString())));
  ASSERT_OK_AND_ASSIGN(const EpochState after, suite_.State());
  EXPECT_EQ(after.epoch, before.epoch);
  ASSERT_OK(suite_.Release(1));
  EXPECT_THAT(suite_.Advance(), IsOk());
}

TEST_F(LeaseScenariosTest, L6CrashEndsBothLeasesAndFencesALatePublish) {
  ASSERT_OK_AND_ASSIGN(const Lease s1, a_.Backup(1, 1));
  ASSERT_OK_AND_ASSIGN(const Lease s2, a_.Backup(2, 2));
  ASSERT_OK(suite_.index.OpenSession(suite_.SessionOf(s1)));
  ASSERT_OK(suite_.index.OpenSession(suite_.SessionOf(s2)));
  a_.Kill();
  suite_.clock.Advance(absl::Seconds(59));
  EXPECT_THAT(b_.WholeDatastore(3), HasReasonCode(reason::kLeaseHeld));
  suite_.clock.Advance(absl::Seconds(1));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.live_leases, 0u) << "both vanish together";
  EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(s1)), IsOk())
      << "nobody needed the datastore so far";

  EXPECT_THAT(b_.WholeDatastore(3), IsOk());
  for (const Lease& lease : {s1, s2}) {
    EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(lease)),
                HasReasonCode(reason::kSessionFenced));
    EXPECT_THAT(suite_.coordinator->Renew(suite_.call, "main", lease.id),
                StatusIs(absl::StatusCode::kAborted));
  }
}

TEST_F(LeaseScenariosTest, L6ASweepFencesTheKilledInstanceToo) {
  ASSERT_OK_AND_ASSIGN(const Lease s1, a_.Backup(1, 1));
  a_.Kill();
  suite_.clock.Advance(absl::Seconds(60));
  ASSERT_OK(b_.Sweep(3));
  ASSERT_OK(suite_.Advance());
  EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(s1)),
              HasReasonCode(reason::kSessionFenced));
}

}  // namespace
}  // namespace cairn::maintenance
