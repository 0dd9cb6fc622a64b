// The lease of a session lives as long as the session: other replicas, lost
// answers and a maintenance that is away neither keep it nor take it.

#include <map>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

class SessionLeaseTest : public testing::Test {
 protected:
  SessionLeaseTest() : random_(TestSeed()), harness_(random_()) {}

  BackupFrontend& backup(size_t replica = 0) {
    return harness_.replica(replica).backup();
  }
  static SessionName NameOf(const Session& session) {
    return {"default", session.ref.session};
  }
  OpenSessionRequest NewRequest() {
    OpenSessionRequest request{.request_id = Uuid::Random(random_)};
    request.group = {{"default", {}}, BackupType::kHost, "web1"};
    return request;
  }
  // Writes "hello" whole.
  void WriteHello(const Session& session, const std::string& archive) {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, archive));
    ASSERT_OK(opened.writer().Write(0, "hello"));
    ASSERT_OK(opened.writer().End(5));
  }
  // A session with one archive, ready to be published.
  Session Written() {
    const absl::StatusOr<Session> session = harness_.OpenSession();
    EXPECT_OK(session);
    WriteHello(*session, "a");
    return *session;
  }
  void Publish(const std::string& group) {
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession(group));
    WriteHello(session, "a");
    ASSERT_OK(harness_.Finish(session, {{"a", 5}}));
  }
  // Behind the back of ingest.
  void AbortInIndex(const Session& session) {
    EXPECT_OK(
        harness_.index().client().AbortSession(harness_.admin(), session.ref));
  }
  uint64_t LiveLeases() {
    return harness_.leases().GetEpoch(harness_.admin(), "default")->live_leases;
  }
  std::vector<Record> Events() {
    return harness_.gate().Appended(RecordKind::kEvent);
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
};

TEST_F(SessionLeaseTest, TheLeaseOfASessionThatEndedElsewhereIsNotTakenBack) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream hangs, OpenStream(harness_, session, "a"));
  ASSERT_OK(backup(1).AbortSession(harness_.admin(), NameOf(session)));
  EXPECT_EQ(LiveLeases(), 0u);
  harness_.timers().RunTimers();
  EXPECT_EQ(LiveLeases(), 0u);
  EXPECT_THAT(hangs.writer().Write(0, "x"),
              HasReasonCode(reason::kSessionEnded));
  // Nothing keeps it any more.
  EXPECT_EQ(harness_.timers().pending(), 0u);
}

TEST_F(SessionLeaseTest, NorIsItOfOneThatWasPublishedElsewhere) {
  const Session session = Written();
  ASSERT_OK(harness_.Finish(session, {{"a", 5}}, 1));
  harness_.timers().RunTimers();
  EXPECT_EQ(LiveLeases(), 0u);
  EXPECT_EQ(harness_.timers().pending(), 0u);
  // Not even for a moment, in which the group's next backup would be refused.
  EXPECT_EQ(harness_.metrics().leases_lost.Value(), 0);
}

TEST_F(SessionLeaseTest, AnOpenSessionKeepsItsLease) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  for (int i = 0; i < 4; ++i) {
    harness_.clock().Advance(absl::Minutes(1));
    harness_.timers().RunTimers();
    EXPECT_EQ(LiveLeases(), 1u);
  }
}

TEST_F(SessionLeaseTest, AnIndexThatHangsCostsNoLease) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.session_gate().HangGets(&harness_.clock());
  for (int i = 0; i < 4; ++i) {
    harness_.clock().Advance(absl::Minutes(2) / 3);
    harness_.timers().RunTimers();
    EXPECT_EQ(LiveLeases(), 1u);
  }
  EXPECT_EQ(harness_.metrics().leases_lost.Value(), 0);
}

TEST_F(SessionLeaseTest, AStreamThatOpensAsItsSessionEndsLeavesNothing) {
  for (const int asked : {1, 2}) {
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    harness_.session_gate().AfterGet(asked, [&] {
      EXPECT_OK(backup(1).AbortSession(harness_.admin(), NameOf(session)));
    });
    const auto opened = OpenStream(harness_, session, "a", 0, 2);
    if (asked == 1) {
      EXPECT_THAT(opened, HasReasonCode(reason::kSessionEnded));
      EXPECT_EQ(LiveLeases(), 0u);
    }
    harness_.timers().RunTimers();
    EXPECT_EQ(LiveLeases(), 0u);
    EXPECT_EQ(harness_.timers().pending(), 0u);
  }
}

TEST_F(SessionLeaseTest, ARenewalThatMeetsTheEndLeavesNothing) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.session_gate().AfterGet(1, [&] {
    EXPECT_OK(backup(1).AbortSession(harness_.admin(), NameOf(session)));
  });
  EXPECT_THAT(backup(2).RenewSession(harness_.admin(), NameOf(session)),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_EQ(LiveLeases(), 0u);
}

TEST_F(SessionLeaseTest, AReplicaThatGoesOnHasTheLeaseBeforeItSaysSo) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.clock().Advance(absl::Minutes(3));
  ASSERT_EQ(LiveLeases(), 0u);
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a", 0, 1));
    EXPECT_EQ(LiveLeases(), 1u);
  }
  // Not if another session has the group by now.
  harness_.clock().Advance(absl::Minutes(3));
  ASSERT_OK(harness_.OpenSession());
  EXPECT_THAT(OpenStream(harness_, session, "b", 0, 1),
              HasReasonCode(reason::kLeaseHeld));
}

TEST_F(SessionLeaseTest, AFinishThatIsRefusedForGoodReleasesTheLease) {
  const Session session = Written();
  ASSERT_OK_AND_ASSIGN(OpenedStream hangs, OpenStream(harness_, session, "b"));
  AbortInIndex(session);
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}}),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_EQ(LiveLeases(), 0u);
  EXPECT_EQ(harness_.timers().pending(), 0u);
  EXPECT_THAT(hangs.writer().Write(0, "x"),
              HasReasonCode(reason::kSessionEnded));
}

TEST_F(SessionLeaseTest, SoDoesOneThatIsRefusedAtItsVeryEnd) {
  const Session session = Written();
  harness_.gate().AfterAppend([&] {
    AbortInIndex(session);
    return absl::OkStatus();
  });
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}}),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_EQ(LiveLeases(), 0u);
  EXPECT_EQ(harness_.timers().pending(), 0u);
}

TEST_F(SessionLeaseTest, AFinishThatTheClientCanMendKeepsTheLease) {
  const Session session = Written();
  for (const std::map<std::string, uint64_t>& wrong :
       {std::map<std::string, uint64_t>{{"b", 5}},
        {{"a", 5}, {"b", 5}},
        {{"a", 6}},
        {}}) {
    EXPECT_FALSE(harness_.Finish(session, wrong).ok());
    EXPECT_EQ(LiveLeases(), 1u);
  }
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream open, OpenStream(harness_, session, "c"));
    ASSERT_OK(open.writer().Write(0, std::string(100'000, 'x')));
    ASSERT_OK(open.writer().Flush());
    open.listener->AwaitDurable(1);
  }
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}, {"c", 100'000}}),
              HasReasonCode(reason::kArchiveOpen));
  EXPECT_EQ(LiveLeases(), 1u);
}

TEST_F(SessionLeaseTest, WhoLosesTheRaceToOpenLeavesTheWinnersLease) {
  const OpenSessionRequest winner = NewRequest();
  OpenSessionRequest loser = winner;
  loser.notes = "other";
  harness_.session_gate().AfterGet(
      1, [&] { EXPECT_OK(backup(1).OpenSession(harness_.admin(), winner)); });
  EXPECT_THAT(backup().OpenSession(harness_.admin(), loser),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(LiveLeases(), 1u);
  EXPECT_EQ(harness_.lease_gate().releases(), 0u);
}

TEST_F(SessionLeaseTest, ASessionThatIsRefusedReleasesItsLease) {
  harness_.session_gate().FailNextOpen(absl::NotFoundError("no namespace"));
  EXPECT_THAT(backup().OpenSession(harness_.admin(), NewRequest()),
              StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(LiveLeases(), 0u);
}

TEST_F(SessionLeaseTest, ASessionThatIsOpenedAgainMayHaveAnotherBase) {
  const OpenSessionRequest request = NewRequest();
  harness_.lease_gate().BeforeAcquire([&] {
    Publish("web1");
    harness_.session_gate().FailNextOpen(absl::UnavailableError("lost"));
  });
  ASSERT_THAT(backup().OpenSession(harness_.admin(), request),
              StatusIs(StatusCode::kUnavailable));
  ASSERT_EQ(LiveLeases(), 1u);
  ASSERT_OK_AND_ASSIGN(const Session session,
                       backup(1).OpenSession(harness_.admin(), request));
  EXPECT_TRUE(session.base.has_value());
  EXPECT_EQ(LiveLeases(), 1u);
}

TEST_F(SessionLeaseTest, WhoComesSecondWithAnotherBaseGetsTheFirstsSession) {
  const OpenSessionRequest request = NewRequest();
  absl::StatusOr<Session> first;
  harness_.lease_gate().BeforeAcquire([&] {
    Publish("web1");
    first = backup(1).OpenSession(harness_.admin(), request);
  });
  ASSERT_OK_AND_ASSIGN(const Session second,
                       backup().OpenSession(harness_.admin(), request));
  ASSERT_OK(first);
  EXPECT_EQ(second.ref, first->ref);
  EXPECT_EQ(second.base, first->base);
  EXPECT_EQ(harness_.lease_gate().releases(), 1u);  // of what was published
}

TEST_F(SessionLeaseTest, AStreamThatAttachesLateLearnsThatItsSessionEnded) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.session_gate().AfterGet(2, [&] {
    EXPECT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  });
  EXPECT_THAT(OpenStream(harness_, session, "a"),
              HasReasonCode(reason::kSessionEnded));
}

TEST_F(SessionLeaseTest, AManifestOfAnEarlierTryIsCancelledByALaterRefusal) {
  const Session session = Written();
  harness_.gate().AfterAppend(
      [] { return absl::UnavailableError("no answer"); });
  ASSERT_THAT(harness_.Finish(session, {{"a", 5}}),
              StatusIs(StatusCode::kUnavailable));
  harness_.gate().AfterAppend(nullptr);
  const auto manifests = harness_.gate().Appended(RecordKind::kManifest);
  ASSERT_EQ(manifests.size(), 1u);
  AbortInIndex(session);
  const size_t before = Events().size();
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}}, 1),
              HasReasonCode(reason::kSessionEnded));
  ASSERT_EQ(Events().size(), before + 1);
  EXPECT_NE(Events().back().payload.find(manifests[0].key.digest.view()),
            std::string::npos);
}

TEST_F(SessionLeaseTest, ARefusalIsStoredForAClientThatIsGone) {
  const Session session = Written();
  CancellationToken gone;
  Call call = harness_.admin();
  call.cancellation = &gone;
  call.deadline = harness_.clock().Now() + absl::Seconds(1);
  harness_.gate().AfterAppend([&] {
    gone.Cancel();
    harness_.clock().Advance(absl::Seconds(2));
    AbortInIndex(session);
    return absl::OkStatus();
  });
  PublishRequest request;
  request.archives.push_back({.name = "a", .size_bytes = 5});
  const size_t before = Events().size();
  EXPECT_THAT(backup().FinishSession(call, NameOf(session), request),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_EQ(Events().size(), before + 1);
  EXPECT_EQ(LiveLeases(), 0u);
}

TEST_F(SessionLeaseTest, ALeaseIsReleasedOnceMaintenanceIsBack) {
  const Session session = Written();
  harness_.lease_gate().SetAway(true);
  ASSERT_OK(harness_.Finish(session, {{"a", 5}}));
  EXPECT_EQ(LiveLeases(), 1u);
  harness_.timers().RunTimers();
  EXPECT_EQ(LiveLeases(), 1u);
  harness_.lease_gate().SetAway(false);
  harness_.timers().RunTimers();
  EXPECT_EQ(LiveLeases(), 0u);
  EXPECT_EQ(harness_.timers().pending(), 0u);
}

TEST_F(SessionLeaseTest, WhatABackupThatHasEndedHoldsKeepsNobodyOut) {
  const Session session = Written();
  harness_.lease_gate().SetAway(true);
  ASSERT_OK(harness_.Finish(session, {{"a", 5}}));
  harness_.lease_gate().SetAway(false);
  ASSERT_EQ(LiveLeases(), 1u);
  // It has not been tried again yet.
  ASSERT_OK_AND_ASSIGN(const Session next, harness_.OpenSession());
  EXPECT_EQ(LiveLeases(), 1u);
  harness_.timers().RunTimers();
  EXPECT_EQ(LiveLeases(), 1u);
  // A backup that has not ended does.
  EXPECT_THAT(harness_.OpenSession(), HasReasonCode(reason::kLeaseHeld));
  harness_.lease_gate().SetAway(true);
  ASSERT_OK(backup().AbortSession(harness_.admin(), NameOf(next)));
  harness_.lease_gate().SetAway(false);
  ASSERT_OK(harness_.OpenSession());
}

TEST_F(SessionLeaseTest, ItIsNotTriedForLongerThanALeaseLasts) {
  const Session session = Written();
  harness_.lease_gate().SetAway(true);
  ASSERT_OK(harness_.Finish(session, {{"a", 5}}));
  harness_.timers().RunTimers();
  EXPECT_EQ(harness_.timers().pending(), 1u);
  harness_.clock().Advance(absl::Minutes(2));
  const size_t before = harness_.lease_gate().releases();
  harness_.timers().RunTimers();
  EXPECT_EQ(harness_.lease_gate().releases(), before);
  EXPECT_EQ(harness_.timers().pending(), 0u);
}

}  // namespace
}  // namespace cairn::ingest
