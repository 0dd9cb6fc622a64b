#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/engine/fake_suite.h"

// What every LeaseClient does. An implementation instantiates
// LeaseClientContract with a factory that starts a coordinator of its own.
namespace cairn {

// A coordinator with its client.
class LeaseClientFixture {
 public:
  virtual ~LeaseClientFixture() = default;
  virtual LeaseClient& client() = 0;
  // What is around the coordinator.
  virtual maintenance::FakeSuite& suite() = 0;
};

struct LeaseClientFactory {
  std::string name;
  std::function<std::unique_ptr<LeaseClientFixture>()> start;
};

class LeaseClientContract
    : public ::testing::TestWithParam<LeaseClientFactory> {
 protected:
  using Suite = maintenance::FakeSuite;

  LeaseClientContract() : fixture_(GetParam().start()) {}

  LeaseClient& client() { return fixture_->client(); }
  Suite& suite() { return fixture_->suite(); }
  LeaseRequest Backup(uint64_t id, int group) {
    return suite().Request(id, {Suite::Exclusive(Suite::Group(group))});
  }

  Call call_;
  std::unique_ptr<LeaseClientFixture> fixture_;
};

TEST_P(LeaseClientContract, ALeaseCrossesWhole) {
  LeaseRequest request = suite().Request(
      1,
      {Suite::Exclusive(Suite::Group(1)), Suite::Shared(Suite::SnapshotOf(1))},
      LeasePurpose::kSync, "ingest-1 for j\xc3\xbcrgen@tls");
  request.ttl = absl::Milliseconds(90500);
  ASSERT_OK_AND_ASSIGN(const Lease lease, client().Acquire(call_, request));
  EXPECT_EQ(lease.id, request.id);
  EXPECT_EQ(lease.datastore, "main");
  EXPECT_EQ(lease.claims, request.claims);
  EXPECT_EQ(lease.holder, request.holder);
  EXPECT_EQ(lease.purpose, LeasePurpose::kSync);
  EXPECT_EQ(lease.start_epoch, 1u);
  EXPECT_EQ(lease.start_time, suite().clock.Now());
  EXPECT_EQ(lease.ttl, request.ttl);
  EXPECT_EQ(lease.remaining, request.ttl);
}

TEST_P(LeaseClientContract, AnUnsetTtlIsTheDefault) {
  LeaseRequest request = Backup(1, 1);
  request.ttl = absl::ZeroDuration();
  ASSERT_OK_AND_ASSIGN(const Lease lease, client().Acquire(call_, request));
  EXPECT_EQ(lease.ttl, absl::Seconds(60));
}

TEST_P(LeaseClientContract, TheLeaseInTheWayIsNamed) {
  ASSERT_OK(client().Acquire(call_, Backup(1, 1)));
  const auto refused = client().Acquire(call_, Backup(2, 1));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(refused, HasReasonCode(reason::kLeaseHeld));
  const Reason why = *ReasonOf(refused.status());
  EXPECT_EQ(why.metadata.at("lease"), Suite::Id(1).ToString());
  EXPECT_EQ(why.metadata.at("holder"), "A");
  EXPECT_EQ(why.metadata.at("resource"), Suite::Group(1));
}

TEST_P(LeaseClientContract, RenewsAndReleases) {
  ASSERT_OK(client().Acquire(call_, Backup(1, 1)));
  suite().clock.Advance(absl::Seconds(30));
  ASSERT_OK_AND_ASSIGN(const Lease lease,
                       client().Renew(call_, "main", Suite::Id(1)));
  EXPECT_EQ(lease.remaining, absl::Seconds(60));
  EXPECT_EQ(lease.age, absl::Seconds(30));
  ASSERT_OK(client().Release(call_, "main", Suite::Id(1)));
  ASSERT_OK(client().Release(call_, "main", Suite::Id(1)));
  const auto gone = client().Renew(call_, "main", Suite::Id(1));
  EXPECT_THAT(gone, StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(gone, HasReasonCode(reason::kLeaseExpired));
}

TEST_P(LeaseClientContract, ASessionEpochIsKeptOrFenced) {
  ASSERT_OK(client().Acquire(call_, Backup(9, 9)));
  ASSERT_OK(client().AdvanceEpoch(call_, "main"));
  LeaseRequest request = Backup(1, 1);
  request.session_epoch = 1;
  ASSERT_OK_AND_ASSIGN(const Lease lease, client().Acquire(call_, request));
  EXPECT_EQ(lease.start_epoch, 1u);
  ASSERT_OK(client().Release(call_, "main", Suite::Id(1)));
  ASSERT_OK(client().Release(call_, "main", Suite::Id(9)));
  ASSERT_OK(client().AdvanceEpoch(call_, "main"));
  EXPECT_THAT(client().Acquire(call_, request),
              HasReasonCode(reason::kSessionFenced));
  request.session_epoch = 77;
  EXPECT_THAT(client().Acquire(call_, request),
              StatusIs(absl::StatusCode::kInvalidArgument));
  request.session_epoch = 0;
  EXPECT_THAT(client().Acquire(call_, request),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(LeaseClientContract, AReaderOfAGoneSnapshotIsNotFound) {
  const LeaseRequest request = suite().Request(
      1, {Suite::Shared(Suite::SnapshotOf(1))}, LeasePurpose::kRestore);
  EXPECT_THAT(client().Acquire(call_, request),
              StatusIs(absl::StatusCode::kNotFound));
  suite().index.AddSnapshot(Suite::SnapshotOf(1));
  EXPECT_THAT(client().Acquire(call_, request), IsOk());
}

TEST_P(LeaseClientContract, ListsInPagesOldestFirst) {
  for (int i = 1; i <= 3; ++i) {
    ASSERT_OK(client().Acquire(call_, Backup(i, i)));
    suite().clock.Advance(absl::Seconds(1));
  }
  ASSERT_OK_AND_ASSIGN(
      const auto first,
      client().List(call_, "main", {.page_size = 2, .page_token = ""}));
  ASSERT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.items[0].id, Suite::Id(1));
  ASSERT_OK_AND_ASSIGN(
      const auto rest,
      client().List(call_, "main",
                    {.page_size = 2, .page_token = first.next_page_token}));
  ASSERT_EQ(rest.items.size(), 1u);
  EXPECT_EQ(rest.items[0].id, Suite::Id(3));
  EXPECT_EQ(rest.next_page_token, "");
  EXPECT_THAT(
      client().List(call_, "main", {.page_size = 2, .page_token = "no"}),
      HasReasonCode(reason::kPageTokenInvalid));
}

TEST_P(LeaseClientContract, TheEpochAdvancesEverywhere) {
  ASSERT_OK_AND_ASSIGN(const EpochState quiet,
                       client().GetEpoch(call_, "main"));
  EXPECT_EQ(quiet.epoch, 1u);
  EXPECT_EQ(quiet.cut, 0u);
  EXPECT_EQ(quiet.oldest_lease_start, std::nullopt);
  ASSERT_OK(client().Acquire(call_, Backup(1, 1)));
  const absl::Time start = suite().clock.Now();
  ASSERT_OK_AND_ASSIGN(const EpochState state,
                       client().AdvanceEpoch(call_, "main"));
  EXPECT_EQ(state.epoch, 2u);
  EXPECT_EQ(state.token, 2u);
  EXPECT_EQ(state.cut, 1u);
  EXPECT_EQ(state.oldest_lease_start, start);
  EXPECT_EQ(state.live_leases, 1u);
  EXPECT_EQ(suite().index.fence(suite().ref).fence, 1u);
  EXPECT_EQ(suite().index.fence(suite().ref).highest_token, 2u);
  EXPECT_EQ(suite().chunks.state(suite().ref).token, 2u);
  EXPECT_EQ(suite().chunks.state(suite().ref).floor, 2u);
}

TEST_P(LeaseClientContract, RefusesWhatIsOutOfBounds) {
  const std::vector<void (*)(LeaseRequest&)> spoils = {
      [](LeaseRequest& r) { r.id = Uuid{}; },
      [](LeaseRequest& r) { r.datastore = "a/b"; },
      [](LeaseRequest& r) { r.claims.clear(); },
      [](LeaseRequest& r) { r.claims.resize(17, r.claims[0]); },
      [](LeaseRequest& r) { r.claims[0].resource = std::string(5000, 'x'); },
      [](LeaseRequest& r) { r.claims[0].resource = "datastores/other"; },
      [](LeaseRequest& r) { r.holder = std::string(257, 'x'); },
      [](LeaseRequest& r) { r.holder = "two\nlines"; },
      [](LeaseRequest& r) { r.ttl = absl::Milliseconds(1); },
      [](LeaseRequest& r) { r.ttl = absl::Hours(1000); },
  };
  for (size_t i = 0; i < spoils.size(); ++i) {
    LeaseRequest request = Backup(1, 1);
    spoils[i](request);
    EXPECT_THAT(client().Acquire(call_, request),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << i;
  }
  EXPECT_THAT(client().GetEpoch(call_, "nowhere"),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace cairn
