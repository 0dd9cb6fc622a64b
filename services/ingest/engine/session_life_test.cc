// Sessions survive lost connections, other replicas and restarts of the
// store, end once, and end for good.

#include <memory>
#include <random>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

class SessionLifeTest : public testing::Test {
 protected:
  SessionLifeTest() : random_(TestSeed()), harness_(random_()) {}

  BackupFrontend& backup(size_t replica = 0) {
    return harness_.replica(replica).backup();
  }
  static SessionName NameOf(const Session& session) {
    return {"default", session.ref.session};
  }
  // Writes "hello" whole.
  void WriteHello(const Session& session, const std::string& archive) {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, archive));
    ASSERT_OK(opened.writer().Write(0, "hello"));
    ASSERT_OK(opened.writer().End(5));
  }
  size_t LeaseCount() {
    return harness_.leases()
        .List(harness_.admin(), "default", {})
        ->items.size();
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
};

TEST_F(SessionLifeTest, AnotherReplicaGoesOnAtEveryWatermark) {
  const TestArchive archive = RandomArchive(random_, 2'000'000);
  const std::string flat = archive.Flat();
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  uint64_t durable = 0;
  PageRoot root;
  for (size_t replica = 0; root.size_bytes == 0; ++replica) {
    ASSERT_OK_AND_ASSIGN(
        const Session found,
        backup(replica % 3).GetSession(harness_.admin(), NameOf(session)));
    if (!found.archives.empty()) {
      // At least what a watermark told.
      EXPECT_GE(found.archives[0].durable_bytes, durable);
      durable = found.archives[0].durable_bytes;
    }
    ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a",
                                                         durable, replica % 3));
    EXPECT_EQ(opened.stream->start_offset(), durable);
    // Some way on, then the connection is lost.
    const uint64_t stop =
        std::min<uint64_t>(flat.size(), durable + 1 + random_() % 400'000);
    ASSERT_OK(WriteRange(opened.writer(), archive, durable, stop, random_));
    if (stop == flat.size()) {
      ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                           opened.writer().End(flat.size()));
      root = written.archive.root;
      break;
    }
    if (random_() % 2 == 0) {
      ASSERT_OK(opened.writer().Flush());
      opened.listener->AwaitDurable(durable);
      durable = std::max(durable, opened.listener->durable_bytes());
    }
    opened.connection->Cancel();
  }
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", flat.size()}}, 1));
  ASSERT_OK_AND_ASSIGN(const std::string read, harness_.Read(snapshot, "a"));
  EXPECT_TRUE(read == flat);

  // The same content in one stream gives the same tree, unless a resume
  // came behind a hole frame that was cut in two; sizes always agree.
  EXPECT_EQ(root.size_bytes, flat.size());
}

TEST_F(SessionLifeTest, WatermarksGrowAndNeverPassWhatWasAccepted) {
  const TestArchive archive = RandomArchive(random_, 3'000'000);
  const uint64_t size = archive.Flat().size();
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a"));
  ASSERT_OK(WriteRange(opened.writer(), archive, 0, size, random_));
  ASSERT_OK(opened.writer().End(size));
  const std::vector<WriteProgress> progress = opened.listener->progress();
  EXPECT_GE(progress.size(), 1u);
  uint64_t before = 0;
  for (const WriteProgress& step : progress) {
    EXPECT_GE(step.durable_bytes, before);
    EXPECT_LE(step.durable_bytes, step.accepted_bytes);
    before = step.durable_bytes;
  }
}

TEST_F(SessionLifeTest, AFlushTellsTheLastBoundaryAtOnce) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a"));
  ASSERT_OK(opened.writer().Write(0, std::string(20'000, 'x')));
  ASSERT_OK(opened.writer().Flush());
  opened.listener->AwaitDurable(16384);  // a run of one byte is cut at max
  EXPECT_EQ(opened.listener->durable_bytes(), 16384u);
  ASSERT_OK_AND_ASSIGN(const Session found,
                       backup(1).GetSession(harness_.admin(), NameOf(session)));
  EXPECT_EQ(found.archives.at(0).durable_bytes, 16384u);
}

TEST_F(SessionLifeTest, AStreamBeginsWhereItsArchiveIsDurable) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const auto wrong = OpenStream(harness_, session, "a", 17);
  EXPECT_THAT(wrong, StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(wrong, HasReasonCode(reason::kOffsetMismatch));
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a"));
  EXPECT_THAT(opened.writer().Write(1, "x"),
              HasReasonCode(reason::kOffsetMismatch));
  // The first error is the stream's.
  EXPECT_THAT(opened.writer().Write(0, "x"),
              HasReasonCode(reason::kOffsetMismatch));
  EXPECT_THAT(opened.writer().End(0), HasReasonCode(reason::kOffsetMismatch));
}

TEST_F(SessionLifeTest, AnArchiveHasOneWriterAndOneEnd) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream first,
                         OpenStream(harness_, session, "a"));
    EXPECT_THAT(OpenStream(harness_, session, "a"),
                HasReasonCode(reason::kArchiveOpen));
    EXPECT_OK(OpenStream(harness_, session, "b"));
    ASSERT_OK(first.writer().End(0));
  }
  const auto again = OpenStream(harness_, session, "a");
  EXPECT_THAT(again, StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(again, HasReasonCode(reason::kArchiveExists));
}

TEST_F(SessionLifeTest, AStreamTakesOverFromOneWhoseConnectionIsGone) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream first, OpenStream(harness_, session, "a"));
  ASSERT_OK(first.writer().Write(0, "lost"));
  first.connection->Cancel();
  EXPECT_THAT(first.writer().Write(4, "x"), StatusIs(StatusCode::kCancelled));
  absl::Notification opened;
  ASSERT_OK(harness_.executor().Schedule([&] {
    EXPECT_OK(OpenStream(harness_, session, "a"));
    opened.Notify();
  }));
  first.stream.reset();
  opened.WaitForNotification();
}

TEST_F(SessionLifeTest, FinishIsOnceHoweverOftenItIsAsked) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  EXPECT_EQ(LeaseCount(), 1u);
  ASSERT_OK_AND_ASSIGN(const Snapshot first,
                       harness_.Finish(session, {{"a", 5}}));
  EXPECT_EQ(LeaseCount(), 0u);
  ASSERT_OK_AND_ASSIGN(const Snapshot second,
                       harness_.Finish(session, {{"a", 5}}, 1));
  EXPECT_EQ(first.name, second.name);
  EXPECT_EQ(first.sequence, second.sequence);
  EXPECT_THAT(OpenStream(harness_, session, "b"),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_THAT(backup().AbortSession(harness_.admin(), NameOf(session)),
              HasReasonCode(reason::kSessionEnded));
}

TEST_F(SessionLifeTest, FinishRefusesWhatTheSessionIsNot) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  for (const std::map<std::string, uint64_t>& wrong :
       {std::map<std::string, uint64_t>{{"b", 5}},
        {{"a", 5}, {"b", 5}},
        {{"a", 6}}}) {
    EXPECT_THAT(harness_.Finish(session, wrong),
                StatusIs(StatusCode::kFailedPrecondition));
  }
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream open, OpenStream(harness_, session, "c"));
    ASSERT_OK(open.writer().Write(0, std::string(100'000, 'x')));
    ASSERT_OK(open.writer().Flush());
    open.listener->AwaitDurable(1);
  }
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}, {"c", 100'000}}),
              StatusIs(StatusCode::kFailedPrecondition));
  // Nothing of this is final.
  ASSERT_OK_AND_ASSIGN(const Session found,
                       backup().GetSession(harness_.admin(), NameOf(session)));
  const uint64_t durable = found.archives.at(1).durable_bytes;
  ASSERT_OK_AND_ASSIGN(OpenedStream open,
                       OpenStream(harness_, session, "c", durable));
  ASSERT_OK(open.writer().Write(durable, std::string(100'000 - durable, 'x')));
  ASSERT_OK(open.writer().End(100'000));
  EXPECT_OK(harness_.Finish(session, {{"a", 5}, {"c", 100'000}}));
}

TEST_F(SessionLifeTest, AnAbortedSessionIsGoneForGood) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  ASSERT_OK_AND_ASSIGN(OpenedStream open, OpenStream(harness_, session, "b"));
  ASSERT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  EXPECT_THAT(open.writer().Write(0, "x"),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}}),
              HasReasonCode(reason::kSessionEnded));
  EXPECT_EQ(LeaseCount(), 0u);
  EXPECT_OK(harness_.OpenSession());
}

TEST_F(SessionLifeTest, APublishThatHasBegunDoesNotNeedItsClient) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  CancellationToken gone;
  Call call = harness_.admin();
  call.cancellation = &gone;
  harness_.gate().AfterAppend([&] {
    gone.Cancel();
    return absl::OkStatus();
  });
  PublishRequest request;
  request.archives.push_back({.name = "a", .size_bytes = 5});
  EXPECT_OK(backup().FinishSession(call, NameOf(session), request));
  EXPECT_EQ(LeaseCount(), 0u);
}

TEST_F(SessionLifeTest, AnAbortRefusesTheManifestThatMayBeStored) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  harness_.gate().AfterAppend(
      [] { return absl::UnavailableError("no answer"); });
  ASSERT_THAT(harness_.Finish(session, {{"a", 5}}),
              StatusIs(StatusCode::kUnavailable));
  const auto manifests = harness_.gate().Appended(RecordKind::kManifest);
  ASSERT_EQ(manifests.size(), 1u);
  // A refusal that is not stored is asked for again.
  EXPECT_THAT(backup().AbortSession(harness_.admin(), NameOf(session)),
              StatusIs(StatusCode::kUnavailable));
  harness_.gate().AfterAppend(nullptr);
  ASSERT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  const auto events = harness_.gate().Appended(RecordKind::kEvent);
  ASSERT_FALSE(events.empty());
  EXPECT_NE(events.back().payload.find(manifests[0].key.digest.view()),
            std::string::npos);
}

TEST_F(SessionLifeTest, AnAbortOfWhatNeverFinishedStoresNothing) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  const size_t events = harness_.gate().Appended(RecordKind::kEvent).size();
  ASSERT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  EXPECT_EQ(harness_.gate().Appended(RecordKind::kEvent).size(), events);
}

TEST_F(SessionLifeTest, TheSameRequestIsTheSameSession) {
  OpenSessionRequest request{.request_id = Uuid::Random(random_), .notes = "n"};
  request.group = {{"default", {}}, BackupType::kHost, "web1"};
  ASSERT_OK_AND_ASSIGN(const Session first,
                       backup().OpenSession(harness_.admin(), request));
  ASSERT_OK_AND_ASSIGN(const Session second,
                       backup(1).OpenSession(harness_.admin(), request));
  EXPECT_EQ(first.snapshot, second.snapshot);
  EXPECT_EQ(first.ref, second.ref);
  request.notes = "other";
  EXPECT_THAT(backup().OpenSession(harness_.admin(), request),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(SessionLifeTest, AGroupHasOneSession) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession("web1"));
  EXPECT_THAT(harness_.OpenSession("web1"), HasReasonCode(reason::kLeaseHeld));
  EXPECT_OK(harness_.OpenSession("web2"));
  ASSERT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  EXPECT_OK(harness_.OpenSession("web1"));
}

TEST_F(SessionLifeTest, WhoDoesNotOwnAGroupCannotKeepItsOwnerFromIt) {
  const Call owner{
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web1@tls"}};
  const Call other{
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web2@tls"}};
  ASSERT_OK_AND_ASSIGN(const Session first,
                       harness_.OpenSession(owner, "web1"));
  WriteHello(first, "a");
  ASSERT_OK(harness_.Finish(first, {{"a", 5}}));
  // Refused for what it is, whether or not the group is leased now: the
  // lease is not even asked for.
  EXPECT_THAT(harness_.OpenSession(other, "web1"),
              HasReasonCode(reason::kNotOwner));
  ASSERT_OK(harness_.OpenSession(owner, "web1"));
  const auto refused = harness_.OpenSession(other, "web1");
  EXPECT_THAT(refused, StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(refused, HasReasonCode(reason::kNotOwner));
}

TEST_F(SessionLifeTest, AScopeReachesTheSessionsOfItsGroupsAlone) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  Call inside = harness_.admin();
  inside.caller.scope = session.snapshot.group.ToString();
  Call outside = harness_.admin();
  outside.caller.scope = "datastores/default/namespaces/other";
  EXPECT_OK(backup().GetSession(inside, NameOf(session)));
  EXPECT_OK(backup().RenewSession(inside, NameOf(session)));
  EXPECT_EQ(backup().ListSessions(inside, "default", true, {})->items.size(),
            1u);
  EXPECT_EQ(backup().ListSessions(outside, "default", true, {})->items.size(),
            0u);
  for (const absl::Status& status :
       {backup().GetSession(outside, NameOf(session)).status(),
        backup().RenewSession(outside, NameOf(session)).status(),
        backup().FinishSession(outside, NameOf(session), {}).status(),
        backup().AbortSession(outside, NameOf(session))}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied));
    EXPECT_THAT(status, HasReasonCode(reason::kOutOfScope));
  }
  EXPECT_OK(backup().AbortSession(inside, NameOf(session)));
}

TEST_F(SessionLifeTest, TheLeaseIsReleasedForACallerWhoIsGone) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  CancellationToken gone;
  gone.Cancel();
  Call call = harness_.admin();
  call.cancellation = &gone;
  call.deadline = harness_.clock().Now() - absl::Seconds(1);
  ASSERT_OK(backup().AbortSession(call, NameOf(session)));
  EXPECT_EQ(LeaseCount(), 0u);
}

TEST_F(SessionLifeTest, ASessionOutlivesAnIdleLeaseUnlessASweepComes) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  harness_.clock().Advance(absl::Hours(1));
  ASSERT_OK(backup(1).RenewSession(harness_.admin(), NameOf(session)));
  ASSERT_OK_AND_ASSIGN(const Session found,
                       backup(1).GetSession(harness_.admin(), NameOf(session)));
  EXPECT_EQ(found.ref.epoch, session.ref.epoch);
  // A live lease holds the cut back.
  ASSERT_OK(harness_.leases().AdvanceEpoch(harness_.admin(), "default"));
  ASSERT_OK(backup().RenewSession(harness_.admin(), NameOf(session)));
  EXPECT_OK(harness_.Finish(session, {{"a", 5}}));
}

TEST_F(SessionLifeTest, AFencedSessionCanDoNothingMore) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  WriteHello(session, "a");
  ASSERT_OK_AND_ASSIGN(OpenedStream open, OpenStream(harness_, session, "b"));
  harness_.clock().Advance(absl::Hours(1));
  ASSERT_OK(harness_.leases().AdvanceEpoch(harness_.admin(), "default"));
  const auto renewed = backup().RenewSession(harness_.admin(), NameOf(session));
  EXPECT_THAT(renewed, StatusIs(StatusCode::kAborted));
  EXPECT_THAT(renewed, HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(harness_.Finish(session, {{"a", 5}}),
              HasReasonCode(reason::kSessionFenced));
  // The refused Finish has ended it, streams included.
  EXPECT_THAT(open.writer().Flush(), HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(open.writer().End(0), HasReasonCode(reason::kSessionFenced));
  EXPECT_THAT(OpenStream(harness_, session, "c"),
              HasReasonCode(reason::kSessionFenced));
  EXPECT_OK(backup().AbortSession(harness_.admin(), NameOf(session)));
  EXPECT_OK(harness_.OpenSession());
}

TEST_F(SessionLifeTest, ARestartOfTheStoreEndsTheStreamAndResumeWorks) {
  const TestArchive archive = {{{std::string(40'000, 'x')}, {"tail"}}};
  const std::string flat = archive.Flat();
  for (const bool lose_power : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    {
      ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                           OpenStream(harness_, session, "a"));
      ASSERT_OK(WriteRange(opened.writer(), archive, 0, 20'000, random_));
      ASSERT_OK(opened.writer().Flush());
      opened.listener->AwaitDurable(16384);
      ASSERT_OK(WriteRange(opened.writer(), archive, 20'000, 36'000, random_));
      lose_power ? harness_.chunks().PowerCut() : harness_.chunks().Restart();
      ASSERT_OK(
          WriteRange(opened.writer(), archive, 36'000, flat.size(), random_));
      const auto ended = opened.writer().End(flat.size());
      EXPECT_THAT(ended, StatusIs(StatusCode::kUnavailable));
      EXPECT_THAT(ended, HasReasonCode(reason::kIncarnationChanged));
    }
    ASSERT_OK_AND_ASSIGN(
        const Session found,
        backup().GetSession(harness_.admin(), NameOf(session)));
    const uint64_t durable = found.archives.at(0).durable_bytes;
    EXPECT_GE(durable, 16384u);
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a", durable));
    ASSERT_OK(
        WriteRange(opened.writer(), archive, durable, flat.size(), random_));
    ASSERT_OK(opened.writer().End(flat.size()));
    ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                         harness_.Finish(session, {{"a", flat.size()}}));
    EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(flat));
  }
}

TEST_F(SessionLifeTest, ARestartOfIndexEndsTheStreamAndResumeWorks) {
  const std::string content(40'000, 'x');
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.session_gate().RestartAfterPages();
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a"));
    ASSERT_OK(opened.writer().Write(0, content));
    // Its pages may be lost, so it is not complete.
    const auto ended = opened.writer().End(content.size());
    EXPECT_THAT(ended, StatusIs(StatusCode::kUnavailable,
                                ::testing::HasSubstr("index has restarted")));
    EXPECT_THAT(ended, HasReasonCode(reason::kIncarnationChanged));
  }
  ASSERT_OK_AND_ASSIGN(const Session found,
                       backup().GetSession(harness_.admin(), NameOf(session)));
  const uint64_t durable =
      found.archives.empty() ? 0 : found.archives.at(0).durable_bytes;
  ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                       OpenStream(harness_, session, "a", durable));
  ASSERT_OK(opened.writer().Write(durable, content.substr(durable)));
  ASSERT_OK(opened.writer().End(content.size()));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", content.size()}}));
  EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(content));
}

TEST_F(SessionLifeTest, AFullStoreEndsTheStreamWithItsReason) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a"));
  harness_.chunks().SetFull(true);
  ASSERT_OK(opened.writer().Write(0, "hello"));
  EXPECT_THAT(opened.writer().End(5), HasReasonCode(reason::kStorageFull));
}

TEST_F(SessionLifeTest, ChunksOfASnapshotThatFailedVerifyAreNoBase) {
  // Nothing but a verify sets the state, so here only the good case.
  ASSERT_OK_AND_ASSIGN(const Session first, harness_.OpenSession());
  EXPECT_FALSE(first.base.has_value());
  WriteHello(first, "a");
  ASSERT_OK(harness_.Finish(first, {{"a", 5}}));
  ASSERT_OK_AND_ASSIGN(const Session second, harness_.OpenSession());
  EXPECT_EQ(second.base, first.snapshot);
}

TEST(SessionLimitTest, OneSessionTooManyIsToldWhenToComeAgain) {
  IngestEngine::Options options = SmallSteps();
  options.backup.sessions.max_sessions = 1;
  IngestHarness harness(TestSeed(), options);
  ASSERT_OK(harness.OpenSession("web1"));
  const auto refused = harness.OpenSession("web2");
  EXPECT_THAT(refused, HasReasonCode(reason::kLimitExceeded));
  EXPECT_TRUE(RetryDelayOf(refused.status()).has_value());
  EXPECT_EQ(harness.metrics().sessions_refused_here.Value(), 1);
}

TEST(SessionLimitTest, ARefusedSessionLeavesNothingBehind) {
  IngestEngine::Options options = SmallSteps();
  options.backup.sessions.max_sessions = 1;
  IngestHarness harness(TestSeed(), options);
  BackupFrontend& backup = harness.replica().backup();
  ASSERT_OK_AND_ASSIGN(const Session first, harness.OpenSession("web1"));
  OpenSessionRequest request{.request_id = first.ref.session};
  request.request_id.bytes[0] ^= 1;
  request.group = {{"default", {}}, BackupType::kHost, "web2"};
  EXPECT_THAT(backup.OpenSession(harness.admin(), request),
              HasReasonCode(reason::kLimitExceeded));
  // Neither a lease nor a session: who gives up keeps nobody out.
  EXPECT_EQ(harness.leases().List(harness.admin(), "default", {})->items.size(),
            1u);
  EXPECT_THAT(
      backup.GetSession(harness.admin(), {"default", request.request_id}),
      HasReasonCode(reason::kSessionNotFound));
  // Who is there goes on, and the same request is served in its turn.
  EXPECT_OK(OpenStream(harness, first, "a"));
  ASSERT_OK(
      backup.AbortSession(harness.admin(), {"default", first.ref.session}));
  EXPECT_OK(backup.OpenSession(harness.admin(), request));
}

TEST(SessionLimitTest, OneClientLeavesSessionsToOthers) {
  IngestEngine::Options options = SmallSteps();
  options.backup.sessions.max_sessions = 4;
  options.backup.sessions.max_sessions_per_client = 2;
  IngestHarness harness(TestSeed(), options);
  BackupFrontend& backup = harness.replica().backup();
  const Call web1 = {
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web1@tls"}};
  const Call web2 = {
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web2@tls"}};
  ASSERT_OK_AND_ASSIGN(const Session first, harness.OpenSession(web1, "a"));
  ASSERT_OK(harness.OpenSession(web1, "b"));
  const auto refused = harness.OpenSession(web1, "c");
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted,
                                testing::HasSubstr("web1@tls")));
  EXPECT_THAT(refused, HasReasonCode(reason::kLimitExceeded));
  EXPECT_TRUE(RetryDelayOf(refused.status()).has_value());
  EXPECT_EQ(harness.metrics().sessions_refused_to_client.Value(), 1);
  EXPECT_OK(harness.OpenSession(web2, "d"));
  // One that ended counts no more.
  ASSERT_OK(backup.AbortSession(web1, {"default", first.ref.session}));
  EXPECT_OK(harness.OpenSession(web1, "c"));
  EXPECT_THAT(harness.OpenSession(web1, "e"),
              HasReasonCode(reason::kLimitExceeded));
  // Administrators are bounded by what there is.
  EXPECT_OK(harness.OpenSession("f"));
  EXPECT_THAT(harness.OpenSession("g"), HasReasonCode(reason::kLimitExceeded));
}

TEST(SessionLimitTest, AnIdleSessionIsCountedNoMore) {
  IngestEngine::Options options = SmallSteps();
  options.backup.sessions.max_sessions_per_client = 1;
  IngestHarness harness(TestSeed(), options);
  const Call web1 = {
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web1@tls"}};
  ASSERT_OK(harness.OpenSession(web1, "a"));
  EXPECT_THAT(harness.OpenSession(web1, "b"),
              HasReasonCode(reason::kLimitExceeded));
  harness.clock().Advance(options.backup.sessions.idle_timeout +
                          absl::Seconds(1));
  harness.timers().RunTimers();
  EXPECT_OK(harness.OpenSession(web1, "b"));
}

TEST(SessionLimitTest, ClientsAreToldTheLimits) {
  IngestEngine::Options options = SmallSteps();
  options.backup.sessions.max_sessions = 7;
  options.write_bandwidth = 5 << 20;
  IngestHarness harness(TestSeed(), options);
  const Capabilities told = harness.replica().backup().GetCapabilities();
  EXPECT_EQ(told.max_sessions, 7u);
  EXPECT_EQ(told.max_sessions_per_client, 7u);
  EXPECT_EQ(told.write_bandwidth, 5u << 20);
  EXPECT_EQ(told.read_bandwidth, 0u);
}

// The bytes that a stream takes in while the store stands still.
TEST(BackPressureTest, AStreamHoldsNoMoreThanItsBudget) {
  constexpr uint64_t kFrame = 256 << 10;
  constexpr uint64_t kLimit = 4 << 20;
  IngestEngine::Options options = SmallSteps();
  options.backup.memory = {.process_bytes = 8 << 20, .stream_bytes = kLimit};
  // Open checkpoints would stop it before.
  options.backup.writer.watermark_interval_bytes = 4 * kLimit;
  IngestHarness harness(TestSeed(), options);
  ASSERT_OK_AND_ASSIGN(const Session session, harness.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness, session, "a"));
  harness.gate().Close();

  absl::Mutex mutex;
  uint64_t accepted = 0;
  bool done = false;
  ASSERT_OK(harness.executor().Schedule([&] {
    std::mt19937_64 random(TestSeed());
    for (uint64_t at = 0; at < 4 * kLimit; at += kFrame) {
      std::string frame(kFrame, 0);
      for (char& byte : frame) byte = static_cast<char>(random());
      EXPECT_OK(opened.writer().Write(at, std::move(frame)));
      absl::MutexLock lock(&mutex);
      accepted = at + kFrame;
    }
    EXPECT_OK(opened.writer().End(4 * kLimit));
    absl::MutexLock lock(&mutex);
    done = true;
  }));
  {
    absl::MutexLock lock(&mutex);
    const auto is_full = [&] { return accepted >= kLimit; };
    mutex.Await(absl::Condition(&is_full));
    EXPECT_EQ(accepted, kLimit);
  }
  harness.gate().Open();
  absl::MutexLock lock(&mutex);
  mutex.Await(absl::Condition(&done));
}

TEST(BackPressureTest, AStreamThatCannotBeGuaranteedMemoryIsRefused) {
  IngestEngine::Options options = SmallSteps();
  options.backup.memory = {.process_bytes = 4 << 20, .stream_bytes = 4 << 20};
  IngestHarness harness(TestSeed(), options);
  ASSERT_OK_AND_ASSIGN(const Session session, harness.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream first, OpenStream(harness, session, "a"));
  EXPECT_THAT(OpenStream(harness, session, "b"),
              HasReasonCode(reason::kLimitExceeded));
  first.stream.reset();
  EXPECT_OK(OpenStream(harness, session, "b"));
}

TEST(BackPressureTest, ACancelledStreamEndsWhileItWaits) {
  IngestEngine::Options options = SmallSteps();
  options.backup.memory = {.process_bytes = 8 << 20, .stream_bytes = 4 << 20};
  IngestHarness harness(TestSeed(), options);
  ASSERT_OK_AND_ASSIGN(const Session session, harness.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness, session, "a"));
  harness.gate().Close();
  absl::Notification ended;
  ASSERT_OK(harness.executor().Schedule([&] {
    absl::Status status;
    for (uint64_t at = 0; status.ok(); at += 1 << 20) {
      status = opened.writer().Write(at, std::string(1 << 20, 'x'));
    }
    EXPECT_THAT(status, StatusIs(StatusCode::kCancelled));
    ended.Notify();
  }));
  opened.connection->Cancel();
  ended.WaitForNotification();
  harness.gate().Open();
}

}  // namespace
}  // namespace cairn::ingest
