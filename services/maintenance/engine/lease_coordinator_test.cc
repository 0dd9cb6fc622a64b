#include "services/maintenance/engine/lease_coordinator.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;
using Suite = FakeSuite;

class LeaseCoordinatorTest : public ::testing::Test {
 protected:
  LeaseCoordinatorTest() { EXPECT_THAT(suite_.Start(), IsOk()); }

  std::vector<LeaseClaim> Backup(int group) {
    return {Suite::Exclusive(Suite::Group(group))};
  }
  std::vector<LeaseClaim> Whole() {
    return {Suite::Exclusive(Suite::kDatastore)};
  }

  FakeSuite suite_;
};

TEST_F(LeaseCoordinatorTest, ALeaseTellsWhatItIs) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, suite_.Acquire(1, Backup(1)));
  EXPECT_EQ(lease.id, Suite::Id(1));
  EXPECT_EQ(lease.start_epoch, 1u);
  EXPECT_EQ(lease.start_time, suite_.clock.Now());
  EXPECT_EQ(lease.remaining, absl::Seconds(60));
  suite_.clock.Advance(absl::Seconds(10));
  ASSERT_OK_AND_ASSIGN(const auto page,
                       suite_.coordinator->List(suite_.call, "main", {}));
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0].age, absl::Seconds(10));
  EXPECT_EQ(page.items[0].remaining, absl::Seconds(50));
}

TEST_F(LeaseCoordinatorTest, TheSameIdIsTheSameLease) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  suite_.clock.Advance(absl::Seconds(50));
  ASSERT_OK(suite_.Advance());
  ASSERT_OK_AND_ASSIGN(
      const Lease again,
      suite_.Acquire(1, Backup(1), LeasePurpose::kBackup, "B"));
  EXPECT_EQ(again.start_epoch, 1u);
  EXPECT_EQ(again.holder, "B") << "another instance goes on with the session";
  EXPECT_EQ(again.remaining, absl::Seconds(60));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.live_leases, 1u);
}

TEST_F(LeaseCoordinatorTest, TheSameIdWithOtherContentIsRefused) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  EXPECT_THAT(
      suite_.Acquire(1, Backup(2)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("other claims")));
  EXPECT_THAT(suite_.Acquire(1, Backup(1), LeasePurpose::kSync),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("another purpose")));
  LeaseRequest request = suite_.Request(1, Backup(1));
  request.session_epoch = 2;
  EXPECT_THAT(
      suite_.coordinator->Acquire(suite_.call, request),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another epoch")));
}

TEST_F(LeaseCoordinatorTest, AllClaimsOrNone) {
  ASSERT_OK(suite_.Acquire(1, Backup(2)));
  EXPECT_THAT(suite_.Acquire(2, {Suite::Exclusive(Suite::Group(1)),
                                 Suite::Exclusive(Suite::Group(2))}),
              HasReasonCode(reason::kLeaseHeld));
  EXPECT_THAT(suite_.Acquire(3, Backup(1)), IsOk()) << "nothing stayed of 2";
}

TEST_F(LeaseCoordinatorTest, RefusesHostileRequests) {
  const std::vector<void (*)(LeaseRequest&)> spoils = {
      [](LeaseRequest& r) { r.id = Uuid{}; },
      [](LeaseRequest& r) { r.datastore = "../x"; },
      [](LeaseRequest& r) { r.datastore = std::string(1 << 20, 'a'); },
      [](LeaseRequest& r) { r.claims.clear(); },
      [](LeaseRequest& r) { r.claims[0].resource = "datastores/other"; },
      [](LeaseRequest& r) { r.claims.resize(17, r.claims[0]); },
      [](LeaseRequest& r) { r.holder = std::string(300, 'x'); },
      [](LeaseRequest& r) { r.holder = "\xff"; },
      [](LeaseRequest& r) { r.ttl = absl::Nanoseconds(1); },
      [](LeaseRequest& r) { r.ttl = absl::Hours(25); },
      [](LeaseRequest& r) { r.session_epoch = 0; },
      [](LeaseRequest& r) {
        r.session_epoch = std::numeric_limits<uint64_t>::max();
      },
  };
  for (size_t i = 0; i < spoils.size(); ++i) {
    LeaseRequest request = suite_.Request(1, Backup(1));
    spoils[i](request);
    EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << i;
  }
  for (const char* token : {"x", "zz", "00"}) {
    EXPECT_THAT(
        suite_.coordinator->List(suite_.call, "main", {.page_token = token}),
        HasReasonCode(reason::kPageTokenInvalid));
  }
}

TEST_F(LeaseCoordinatorTest, UnknownDatastoresAreNotFoundAndNotRemembered) {
  LeaseRequest request = suite_.Request(1, Whole());
  request.datastore = "nowhere";
  request.claims = {Suite::Shared("datastores/nowhere")};
  EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(suite_.coordinator->GetEpoch(suite_.call, "nowhere"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(suite_.coordinator->Renew(suite_.call, "nowhere", Suite::Id(1)),
              HasReasonCode(reason::kLeaseExpired));
  EXPECT_THAT(suite_.coordinator->Release(suite_.call, "nowhere", Suite::Id(1)),
              IsOk());
  EXPECT_EQ(suite_.kv.commit_count(), 0u);
}

TEST_F(LeaseCoordinatorTest, AnotherLifeOfTheDatastoreIsRefused) {
  LeaseRequest request = suite_.Request(1, Backup(1));
  request.ref.generation = 2;
  EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request),
              HasReasonCode(reason::kGenerationMismatch));
  request.ref = suite_.ref;
  EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request), IsOk());

  // The index was rebuilt: the old life is refused, the new one gets numbers
  // above everything.
  ASSERT_OK_AND_ASSIGN(const EpochState before, suite_.State());
  suite_.ref.generation = 2;
  suite_.index.AddDatastore("main", suite_.ref);
  request = suite_.Request(2, Backup(2));
  ASSERT_OK_AND_ASSIGN(const Lease lease,
                       suite_.coordinator->Acquire(suite_.call, request));
  EXPECT_GT(lease.start_epoch, before.epoch);
  request = suite_.Request(3, Backup(3));
  request.ref.generation = 1;
  EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request),
              HasReasonCode(reason::kGenerationMismatch));
}

TEST_F(LeaseCoordinatorTest, LeasesOfADatastoreAreLimited) {
  FakeSuite small({.max_leases_per_datastore = 3});
  ASSERT_OK(small.Start());
  for (int i = 1; i <= 3; ++i) ASSERT_OK(small.Acquire(i, Backup(i)));
  const auto refused = small.Acquire(4, Backup(4));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(refused, HasReasonCode(reason::kLimitExceeded));
  // Leases that nobody released make room when they have expired.
  small.clock.Advance(absl::Seconds(60));
  for (int i = 4; i <= 6; ++i) ASSERT_OK(small.Acquire(i, Backup(i)));
  EXPECT_THAT(small.Renew(1), HasReasonCode(reason::kLeaseExpired));
  EXPECT_THAT(small.Acquire(7, Backup(7)),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(LeaseCoordinatorTest, AnEvictedWriterIsStillFencedBeforeExclusive) {
  FakeSuite small({.max_leases_per_datastore = 1});
  ASSERT_OK(small.Start());
  ASSERT_OK_AND_ASSIGN(const Lease lost, small.Acquire(1, Backup(1)));
  small.clock.Advance(absl::Seconds(60));
  ASSERT_OK(small.Acquire(2, Backup(2)));
  ASSERT_OK(small.Release(2));
  ASSERT_OK(small.Start());  // and across a restart
  ASSERT_OK(small.Acquire(3, Whole(), LeasePurpose::kMaintenanceMode));
  EXPECT_THAT(small.index.Publish(small.SessionOf(lost)),
              HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseCoordinatorTest, RenewStartsTheTtlAnew) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  for (int i = 0; i < 5; ++i) {
    suite_.clock.Advance(absl::Seconds(59));
    ASSERT_OK_AND_ASSIGN(const Lease lease, suite_.Renew(1));
    EXPECT_EQ(lease.remaining, absl::Seconds(60));
  }
}

TEST_F(LeaseCoordinatorTest, WallClockJumpsMoveNoDeadline) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  suite_.clock.SetNow(suite_.clock.Now() + absl::Hours(48));
  EXPECT_THAT(suite_.Acquire(2, Backup(1)), HasReasonCode(reason::kLeaseHeld));
  suite_.clock.SetNow(suite_.clock.Now() - absl::Hours(96));
  ASSERT_OK_AND_ASSIGN(const auto page,
                       suite_.coordinator->List(suite_.call, "main", {}));
  EXPECT_EQ(page.items[0].age, absl::ZeroDuration());
  suite_.clock.Advance(absl::Seconds(60));
  EXPECT_THAT(suite_.Acquire(2, Backup(1)), IsOk());
}

TEST_F(LeaseCoordinatorTest, AnExpiredLeaseComesBackUnlessReplaced) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, suite_.Acquire(1, Backup(1)));
  suite_.clock.Advance(absl::Seconds(61));
  ASSERT_OK(suite_.Acquire(2, Backup(2)));  // in nobody's way
  ASSERT_OK_AND_ASSIGN(const Lease back, suite_.Renew(1));
  EXPECT_EQ(back.start_epoch, lease.start_epoch);
  EXPECT_EQ(back.start_time, lease.start_time);
  EXPECT_THAT(suite_.Acquire(3, Backup(1)), HasReasonCode(reason::kLeaseHeld));

  suite_.clock.Advance(absl::Seconds(61));
  ASSERT_OK(suite_.Acquire(4, Backup(1)));
  ASSERT_OK(suite_.Release(4));
  EXPECT_THAT(suite_.Renew(1), HasReasonCode(reason::kLeaseExpired))
      << "another one had its group meanwhile";
}

TEST_F(LeaseCoordinatorTest, AFencedLeaseDoesNotComeBack) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  suite_.clock.Advance(absl::Seconds(61));
  ASSERT_OK(suite_.Advance());
  EXPECT_THAT(suite_.Renew(1), HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(suite_.Acquire(1, Backup(1)),
              HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseCoordinatorTest, ASessionKeepsItsEpochUnderANewLease) {
  ASSERT_OK_AND_ASSIGN(const Lease first, suite_.Acquire(1, Backup(1)));
  ASSERT_OK(suite_.Acquire(9, Backup(9)));
  ASSERT_OK(suite_.Advance());
  ASSERT_OK(suite_.Release(1));
  LeaseRequest request = suite_.Request(2, Backup(1));
  request.session_epoch = first.start_epoch;
  ASSERT_OK_AND_ASSIGN(const Lease again,
                       suite_.coordinator->Acquire(suite_.call, request));
  EXPECT_EQ(again.start_epoch, first.start_epoch);
  ASSERT_OK(suite_.Release(2));
  ASSERT_OK(suite_.Release(9));
  ASSERT_OK(suite_.Advance());
  request.id = Suite::Id(3);
  EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request),
              HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseCoordinatorTest, ALiveWriterIsNeverFenced) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, suite_.Acquire(1, Backup(1)));
  for (int i = 0; i < 5; ++i) {
    suite_.clock.Advance(absl::Seconds(50));
    ASSERT_OK(suite_.Renew(1));
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.Advance());
    EXPECT_EQ(state.cut, lease.start_epoch);
    EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(lease)), IsOk());
  }
}

TEST_F(LeaseCoordinatorTest, AReaderIsRecordedBeforeIndexIsAsked) {
  suite_.index.AddSnapshot(Suite::SnapshotOf(1));
  int asked = 0;
  suite_.index.SetHook([&](std::string_view method) {
    if (method != "GetSnapshot") return;
    ++asked;
    // A sweep that reads the leases now sees it, and so does whoever wants
    // the datastore; a crash now leaves nothing behind.
    ASSERT_OK_AND_ASSIGN(const auto page,
                         suite_.coordinator->List(suite_.call, "main", {}));
    ASSERT_EQ(page.items.size(), 1u);
    EXPECT_GT(page.items[0].remaining, absl::ZeroDuration());
    EXPECT_THAT(suite_.Acquire(2, Whole()), HasReasonCode(reason::kLeaseHeld));
    ASSERT_OK_AND_ASSIGN(const auto rows, LeaseStore(&suite_.kv).Load());
    ASSERT_EQ(rows.at("main").leases.size(), 1u);
    EXPECT_EQ(rows.at("main").leases[0].phase, LeasePhase::kPending);
  });
  ASSERT_OK(suite_.Acquire(1, {Suite::Shared(Suite::SnapshotOf(1))},
                           LeasePurpose::kRestore));
  EXPECT_EQ(asked, 1);
}

TEST_F(LeaseCoordinatorTest, AReaderOfAGoneSnapshotIsNotFound) {
  EXPECT_THAT(suite_.Acquire(1, {Suite::Shared(Suite::SnapshotOf(1))},
                             LeasePurpose::kRestore),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.live_leases, 0u);
  EXPECT_THAT(suite_.Acquire(2, Whole()), IsOk());
  ASSERT_OK(suite_.Release(2));
  // A writer's base is not asked for: its splices are checked by index.
  EXPECT_THAT(suite_.Acquire(3, {Suite::Shared(Suite::SnapshotOf(1))}), IsOk());
}

TEST_F(LeaseCoordinatorTest, AReaderThatComesBackIsConfirmedAnew) {
  suite_.index.AddSnapshot(Suite::SnapshotOf(1));
  suite_.index.AddSnapshot(Suite::SnapshotOf(2));
  for (const int n : {1, 2}) {
    ASSERT_OK(suite_.Acquire(n, {Suite::Shared(Suite::SnapshotOf(n))},
                             LeasePurpose::kRestore));
  }
  suite_.clock.Advance(absl::Seconds(60));
  suite_.index.RemoveSnapshot(Suite::SnapshotOf(2));
  EXPECT_THAT(suite_.Renew(1), IsOk());
  EXPECT_THAT(suite_.Renew(2), HasReasonCode(reason::kLeaseExpired));
}

TEST_F(LeaseCoordinatorTest, AReleaseWhileIndexIsAskedWins) {
  suite_.index.AddSnapshot(Suite::SnapshotOf(1));
  suite_.index.SetHook([&](std::string_view method) {
    if (method == "GetSnapshot") {
      ASSERT_OK(suite_.Release(1));
    }
  });
  EXPECT_THAT(suite_.Acquire(1, {Suite::Shared(Suite::SnapshotOf(1))},
                             LeasePurpose::kRestore),
              HasReasonCode(reason::kLeaseExpired));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.live_leases, 0u);
}

TEST_F(LeaseCoordinatorTest, ExclusiveAfterAReleaseRaisesNothing) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  ASSERT_OK(suite_.Release(1));
  ASSERT_OK_AND_ASSIGN(const EpochState before, suite_.State());
  ASSERT_OK(suite_.Acquire(2, Whole(), LeasePurpose::kMaintenanceMode));
  ASSERT_OK_AND_ASSIGN(const EpochState after, suite_.State());
  EXPECT_EQ(after.epoch, before.epoch);
}

TEST_F(LeaseCoordinatorTest, ExclusiveAfterAnExpiryFencesBeforeTheGrant) {
  ASSERT_OK_AND_ASSIGN(const Lease lost, suite_.Acquire(1, Backup(1)));
  suite_.clock.Advance(absl::Seconds(60));
  // Index does not answer: nothing is granted, since the lost session could
  // still publish.
  suite_.index.FailWith(absl::UnavailableError("index is down"));
  EXPECT_THAT(suite_.Acquire(2, Whole(), LeasePurpose::kMaintenanceMode),
              StatusIs(absl::StatusCode::kUnavailable));
  suite_.index.FailWith(absl::OkStatus());
  ASSERT_OK(suite_.Start());
  bool granted_too_early = false;
  suite_.index.SetHook([&](std::string_view method) {
    if (method != "RaiseFence") return;
    ASSERT_OK_AND_ASSIGN(const auto rows, LeaseStore(&suite_.kv).Load());
    for (const LeaseEntry& entry : rows.at("main").leases) {
      granted_too_early |= entry.lease.id == Suite::Id(2);
    }
  });
  suite_.clock.Advance(absl::Seconds(60));
  ASSERT_OK_AND_ASSIGN(
      const Lease whole,
      suite_.Acquire(2, Whole(), LeasePurpose::kMaintenanceMode));
  EXPECT_FALSE(granted_too_early);
  EXPECT_GT(whole.start_epoch, lost.start_epoch);
  EXPECT_THAT(suite_.index.Publish(suite_.SessionOf(lost)),
              HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseCoordinatorTest, RestartRearmsWithTheWholeTtl) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  suite_.clock.Advance(absl::Seconds(59));
  ASSERT_OK(suite_.Start());
  suite_.clock.Advance(absl::Seconds(59));
  EXPECT_THAT(suite_.Acquire(2, Backup(1)), HasReasonCode(reason::kLeaseHeld));
  suite_.clock.Advance(absl::Seconds(1));
  EXPECT_THAT(suite_.Acquire(2, Backup(1)), IsOk());
}

TEST_F(LeaseCoordinatorTest, AMonotonicClockThatStartsAnewShortensNothing) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  suite_.clock.SetMonotonic(absl::Seconds(2000000));  // another boot
  ASSERT_OK(suite_.Start());
  suite_.clock.Advance(absl::Seconds(59));
  EXPECT_THAT(suite_.Renew(1), IsOk());
}

TEST_F(LeaseCoordinatorTest, RenewAndReleaseNeedNobodyElse) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  suite_.index.FailWith(absl::UnavailableError("index is down"));
  suite_.chunks.FailWith(absl::UnavailableError("store is down"));
  ASSERT_OK(suite_.Start());
  EXPECT_THAT(suite_.Renew(1), IsOk());
  EXPECT_THAT(suite_.Acquire(2, Backup(2)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(suite_.Release(1), IsOk());
  EXPECT_THAT(suite_.Release(1), IsOk()) << "idempotent";
}

TEST_F(LeaseCoordinatorTest, ListsInPages) {
  for (int i = 1; i <= 5; ++i) {
    ASSERT_OK(suite_.Acquire(i, Backup(i)));
    suite_.clock.Advance(absl::Seconds(1));
  }
  suite_.clock.Advance(absl::Seconds(55));  // the first has expired
  PageRequest request{.page_size = 2, .page_token = ""};
  std::vector<Uuid> ids;
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const auto page, suite_.coordinator->List(
                                              suite_.call, "main", request));
    for (const Lease& lease : page.items) {
      ids.push_back(lease.id);
      EXPECT_EQ(lease.remaining == absl::ZeroDuration(),
                lease.id == Suite::Id(1));
    }
    request.page_token = page.next_page_token;
    ++pages;
  } while (!request.page_token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(ids,
              ::testing::ElementsAre(Suite::Id(1), Suite::Id(2), Suite::Id(3),
                                     Suite::Id(4), Suite::Id(5)));
}

TEST_F(LeaseCoordinatorTest, StartsAboveTheEpochsOfRecordsWhenAllElseIsLost) {
  suite_.chunks.SetState(suite_.ref, {.highest_epoch = 11});
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.epoch, 12u);
}

TEST_F(LeaseCoordinatorTest, LostCoordinatorStartsAboveEverythingSeen) {
  suite_.index.SetFence(
      suite_.ref,
      {.fence = 5, .sequence = 1, .highest_epoch = 7, .highest_token = 3});
  suite_.chunks.SetState(suite_.ref, {.token = 9, .floor = 6});
  const SessionRef old_session{suite_.ref, Suite::Id(70), 7};
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.State());
  EXPECT_EQ(state.epoch, 8u);
  EXPECT_EQ(state.token, 10u);
  EXPECT_EQ(state.cut, 5u);
  EXPECT_EQ(suite_.chunks.state(suite_.ref).floor, 8u);
  // Sessions whose leases were lost with it count as expired.
  EXPECT_THAT(suite_.index.Publish(old_session), IsOk());
  ASSERT_OK(suite_.Acquire(1, Whole(), LeasePurpose::kMaintenanceMode));
  EXPECT_THAT(suite_.index.Publish(old_session),
              HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseCoordinatorTest, ALostCoordinatorGrantsNothingUntilBothAnswer) {
  suite_.chunks.FailWith(absl::UnavailableError("store is down"));
  EXPECT_THAT(suite_.Acquire(1, Backup(1)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(suite_.Advance(), StatusIs(absl::StatusCode::kUnavailable));
  suite_.chunks.FailWith(absl::OkStatus());
  suite_.index.FailWith(absl::UnavailableError("index is down"));
  EXPECT_THAT(suite_.Acquire(1, Backup(1)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(suite_.kv.commit_count(), 0u);
  suite_.index.FailWith(absl::OkStatus());
  EXPECT_THAT(suite_.Acquire(1, Backup(1)), IsOk());
}

TEST_F(LeaseCoordinatorTest, AStaleTokenIsRefusedAndTheNextIsHigher) {
  ASSERT_OK(suite_.Advance());
  // Another coordinator has been at work: ours is a restored one.
  suite_.index.SetFence(
      suite_.ref,
      {.fence = 20, .sequence = 0, .highest_epoch = 30, .highest_token = 40});
  EXPECT_THAT(suite_.Advance(), HasReasonCode(reason::kStaleToken));
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.Advance());
  EXPECT_GT(state.epoch, 30u);
  EXPECT_GT(state.token, 40u);
  EXPECT_GE(state.cut, 20u);
}

TEST_F(LeaseCoordinatorTest, AnOldCopyOfIndexMovesNothing) {
  suite_.chunks.SetState(suite_.ref, {.sequence = 8});
  suite_.index.SetFence(suite_.ref, {.sequence = 8});
  ASSERT_OK_AND_ASSIGN(const EpochState before, suite_.Advance());
  const uint64_t commits = suite_.kv.commit_count();
  suite_.index.SetFence(suite_.ref, {.fence = 1, .sequence = 7});
  EXPECT_THAT(suite_.Advance(), HasReasonCode(reason::kIndexBehind));
  EXPECT_THAT(suite_.Acquire(1, Backup(1)),
              HasReasonCode(reason::kIndexBehind));
  EXPECT_EQ(suite_.kv.commit_count(), commits);
  EXPECT_EQ(suite_.index.fence(suite_.ref).fence, 1u);
  EXPECT_EQ(suite_.chunks.state(suite_.ref).token, before.token);
  // The right one is put back.
  suite_.index.SetFence(suite_.ref, {.fence = 1, .sequence = 9});
  ASSERT_OK_AND_ASSIGN(const EpochState after, suite_.Advance());
  EXPECT_GT(after.epoch, before.epoch);
}

TEST_F(LeaseCoordinatorTest, APublishBesideAnAdvanceIsNoOldCopy) {
  ASSERT_OK(suite_.Advance());
  int publishes = 0;
  suite_.chunks.SetHook([&](std::string_view method) {
    if (method != "ShowToken" || publishes == 2) return;
    ++publishes;
    StoreState store = suite_.chunks.state(suite_.ref);
    FenceState fence = suite_.index.fence(suite_.ref);
    store.sequence = fence.sequence = fence.sequence + 1;
    suite_.index.SetFence(suite_.ref, fence);
    suite_.chunks.SetState(suite_.ref, store);
  });
  EXPECT_THAT(suite_.Advance(), IsOk());
  EXPECT_EQ(publishes, 2);
}

TEST_F(LeaseCoordinatorTest, AStoreThatForgotTheDatastoreIsToldAgain) {
  ASSERT_OK(suite_.Advance());
  suite_.chunks.Forget();
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite_.Advance());
  EXPECT_EQ(suite_.chunks.state(suite_.ref).floor, state.epoch);
  EXPECT_EQ(suite_.chunks.state(suite_.ref).token, state.token);
}

TEST_F(LeaseCoordinatorTest, DatastoresAreApart) {
  DatastoreRef other;
  other.uuid.bytes[0] = 2;
  other.generation = 1;
  suite_.index.AddDatastore("other", other);
  ASSERT_OK(suite_.Acquire(1, Whole()));
  LeaseRequest request =
      suite_.Request(1, {Suite::Exclusive("datastores/other")});
  request.datastore = "other";
  request.ref = other;
  EXPECT_THAT(suite_.coordinator->Acquire(suite_.call, request), IsOk());
  ASSERT_OK(suite_.Advance());
  ASSERT_OK_AND_ASSIGN(const EpochState state,
                       suite_.coordinator->GetEpoch(suite_.call, "other"));
  EXPECT_EQ(state.epoch, 1u);
}

TEST_F(LeaseCoordinatorTest, CountsWhatHappens) {
  ASSERT_OK(suite_.Acquire(1, Backup(1)));
  EXPECT_THAT(suite_.Acquire(2, Backup(1)), HasReasonCode(reason::kLeaseHeld));
  suite_.clock.Advance(absl::Seconds(30));
  ASSERT_OK(suite_.Acquire(3, Backup(3)));
  MaintenanceMetrics& metrics = suite_.metrics;
  ASSERT_OK(suite_.coordinator->SaveExpiries());
  EXPECT_EQ(metrics.leases_live.at(LeasePurpose::kBackup)->Value(), 2);
  EXPECT_EQ(metrics.leases_granted.at(LeasePurpose::kBackup)->Value(), 2);
  EXPECT_EQ(metrics.leases_refused.Value(), 1);
  EXPECT_EQ(metrics.oldest_lease_age_seconds.Value(), 30);
  suite_.clock.Advance(absl::Seconds(30));
  ASSERT_OK(suite_.Release(3));
  EXPECT_EQ(metrics.leases_expired.Value(), 1);
  EXPECT_EQ(metrics.leases_live.at(LeasePurpose::kBackup)->Value(), 0);
  ASSERT_OK(suite_.coordinator->SaveExpiries());
  EXPECT_EQ(metrics.oldest_lease_age_seconds.Value(), 0);
  ASSERT_OK(suite_.Advance());
  EXPECT_EQ(metrics.fence_advances.Value(), 1);
}

}  // namespace
}  // namespace cairn::maintenance
