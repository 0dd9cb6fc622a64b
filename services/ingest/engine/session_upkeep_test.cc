// Sessions that nobody comes back to keep neither new ones out nor a refused
// snapshot in.

#include "services/ingest/engine/session_upkeep.h"

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/fake_chunk_client.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/maintenance/client/catalog_changes.h"
#include "services/maintenance/client/in_memory_maintenance.h"

namespace cairn::ingest {
namespace {

constexpr absl::Duration kTtl = absl::Minutes(2);

// Runs nothing by itself: the test runs the one timer.
class HeldTimer final : public Executor {
 public:
  absl::Status Schedule(Task) override {
    return absl::UnavailableError("no tasks here");
  }
  TimerId ScheduleAfter(absl::Duration delay, Task task) override {
    delay_ = delay;
    task_ = std::move(task);
    return 1;
  }
  bool Cancel(TimerId) override {
    return std::exchange(task_, nullptr) != nullptr;
  }
  bool Await(absl::Mutex*, const absl::Condition& condition,
             absl::Duration) override {
    return condition.Eval();
  }
  bool held() const { return task_ != nullptr; }
  absl::Duration delay() const { return delay_; }
  void Fire() { std::exchange(task_, nullptr)(); }

 private:
  absl::Duration delay_;
  Task task_;
};

class SessionUpkeepTest : public testing::Test {
 protected:
  SessionUpkeepTest()
      : random_(TestSeed()),
        executor_(*ThreadPoolExecutor::Create({.name = "test", .threads = 1})),
        index_(*InMemoryIndex::Open(&clock_, random_,
                                    {.sessions = {.max_open_sessions = 8}})),
        maintenance_({.clock = &clock_,
                      .executor = executor_.get(),
                      .catalog = &index_->client(),
                      .fence = &index_->client(),
                      .chunks = &chunks_}),
        peers_{.catalog = &index_->client(),
               .sessions = &index_->client(),
               .chunks = &chunks_,
               .leases = &maintenance_.client()},
        changes_(ForChanges(peers_, &clock_)),
        ref_(index_->client().GetDatastore({}, "default")->ref) {
    upkeep_.emplace(SessionUpkeep::Options{.period = absl::Minutes(3)},
                    SessionUpkeep::Dependencies{.peers = peers_,
                                                .changes = &changes_,
                                                .clock = &clock_,
                                                .executor = &timer_});
  }

  SessionRef Open(const std::string& group) {
    NewSession request = NewTestSession(ref_, TestGroup(group), 1, random_);
    const absl::StatusOr<Lease> lease = peers_.leases->Acquire(
        {}, {.id = request.lease,
             .datastore = "default",
             .ref = ref_,
             .claims = {{request.group.ToString(), LeaseMode::kExclusive}},
             .holder = "test",
             .purpose = LeasePurpose::kBackup,
             .ttl = kTtl});
    EXPECT_OK(lease);
    request.ref.epoch = lease->start_epoch;
    clock_.Advance(absl::Seconds(1));
    EXPECT_OK(peers_.sessions->OpenSession({}, request));
    return request.ref;
  }
  void Prepare(const SessionRef& session) {
    const BuiltArchive archive = BuildArchive("a.img", 10, 1);
    ASSERT_OK(PutArchive(*peers_.sessions, session, archive));
    ASSERT_OK(
        peers_.sessions->PreparePublish({}, session, RequestFor({archive})));
  }
  absl::Status Renew(const SessionRef& session) {
    return peers_.leases->Renew({}, "default", session.session).status();
  }
  SessionState StateOf(const SessionRef& session) {
    return peers_.sessions->GetSession({}, {"default", session.session})->state;
  }
  uint64_t Uncancelled() {
    return peers_.catalog->GetStatistics({}, "default")->uncancelled_sessions;
  }
  // Events that cancel, besides that of the datastore's creation.
  size_t Cancellations() {
    size_t events = 0;
    for (const Record& record : chunks_.Records(ref_)) {
      if (record.key.kind == RecordKind::kEvent) ++events;
    }
    return events == 0 ? 0 : events - 1;
  }

  FakeClock clock_;
  std::mt19937_64 random_;
  std::unique_ptr<ThreadPoolExecutor> executor_;
  std::unique_ptr<InMemoryIndex> index_;
  FakeChunkClient chunks_;
  InMemoryMaintenance maintenance_;
  HeldTimer timer_;
  const Peers peers_;
  CatalogChanges changes_;
  const DatastoreRef ref_;
  std::optional<SessionUpkeep> upkeep_;
};

TEST_F(SessionUpkeepTest, CancelsTheManifestsThatACrashLeft) {
  const SessionRef aborted = Open("aborted");
  Prepare(aborted);
  ASSERT_OK(peers_.sessions->AbortSession({}, aborted));
  const SessionRef fenced = Open("fenced");
  Prepare(fenced);
  clock_.Advance(kTtl);
  ASSERT_OK(peers_.leases->AdvanceEpoch({}, "default"));
  const SessionRef open = Open("open");
  Prepare(open);
  EXPECT_EQ(Uncancelled(), 2u);
  ASSERT_OK(upkeep_->Run({}));
  EXPECT_EQ(Uncancelled(), 0u);
  EXPECT_EQ(Cancellations(), 2u);
  EXPECT_EQ(StateOf(fenced), SessionState::kAborted);
  // One that may be published still is left alone, and nothing is done twice.
  ASSERT_OK(upkeep_->Run({}));
  EXPECT_EQ(StateOf(open), SessionState::kOpen);
  EXPECT_EQ(Cancellations(), 2u);
}

TEST_F(SessionUpkeepTest, AnEventThatCannotBeStoredIsStoredLater) {
  const SessionRef session = Open("web1");
  Prepare(session);
  ASSERT_OK(peers_.sessions->AbortSession({}, session));
  chunks_.FailWith(absl::UnavailableError("chunk_storage is away"));
  EXPECT_THAT(upkeep_->Run({}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Uncancelled(), 1u);
  chunks_.FailWith(absl::OkStatus());
  ASSERT_OK(upkeep_->Run({}));
  EXPECT_EQ(Uncancelled(), 0u);
  EXPECT_EQ(Cancellations(), 1u);
}

TEST_F(SessionUpkeepTest, AbandonedSessionsMakeRoomForNewOnes) {
  std::vector<SessionRef> sessions;
  for (int i = 0; i < 8; ++i) sessions.push_back(Open(std::to_string(i)));
  Prepare(sessions[1]);
  clock_.Advance(kTtl);
  // The oldest comes back; so it is not ended before younger ones.
  ASSERT_OK(Renew(sessions[0]));
  NewSession more = NewTestSession(ref_, TestGroup("more"), 1, random_);
  EXPECT_THAT(peers_.sessions->OpenSession({}, more),
              HasReasonCode(reason::kLimitExceeded));
  ASSERT_OK(upkeep_->Run({}));
  for (const SessionRef& session : sessions) {
    EXPECT_EQ(StateOf(session), SessionState::kOpen);
  }
  ASSERT_OK(upkeep_->Run({}));
  EXPECT_EQ(StateOf(sessions[0]), SessionState::kOpen);
  for (int i = 1; i < 5; ++i) {
    EXPECT_EQ(StateOf(sessions[i]), SessionState::kAborted) << i;
  }
  for (int i = 5; i < 8; ++i) {
    EXPECT_EQ(StateOf(sessions[i]), SessionState::kOpen) << i;
  }
  EXPECT_OK(peers_.sessions->OpenSession({}, more));
  // What one of them had prepared does not count either.
  EXPECT_EQ(Uncancelled(), 0u);
  EXPECT_EQ(Cancellations(), 1u);
}

TEST_F(SessionUpkeepTest, ASessionThatComesBackBetweenTwoRoundsIsNotEnded) {
  std::vector<SessionRef> sessions;
  for (int i = 0; i < 6; ++i) sessions.push_back(Open(std::to_string(i)));
  clock_.Advance(kTtl);
  ASSERT_OK(upkeep_->Run({}));
  for (const SessionRef& session : sessions) ASSERT_OK(Renew(session));
  ASSERT_OK(upkeep_->Run({}));
  clock_.Advance(kTtl);
  ASSERT_OK(upkeep_->Run({}));
  for (const SessionRef& session : sessions) {
    EXPECT_EQ(StateOf(session), SessionState::kOpen);
  }
}

TEST_F(SessionUpkeepTest, WithRoomEnoughAbandonedSessionsMayBeResumed) {
  std::vector<SessionRef> sessions;
  for (int i = 0; i < 5; ++i) sessions.push_back(Open(std::to_string(i)));
  clock_.Advance(absl::Hours(24));
  for (int i = 0; i < 5; ++i) ASSERT_OK(upkeep_->Run({}));
  for (const SessionRef& session : sessions) {
    EXPECT_EQ(StateOf(session), SessionState::kOpen);
  }
}

TEST_F(SessionUpkeepTest, RoundsFollowEachOtherUntilTheyAreStopped) {
  const SessionRef session = Open("web1");
  Prepare(session);
  ASSERT_OK(peers_.sessions->AbortSession({}, session));
  chunks_.FailWith(absl::UnavailableError("chunk_storage is away"));
  upkeep_->Start();
  EXPECT_EQ(timer_.delay(), absl::ZeroDuration());
  timer_.Fire();
  EXPECT_EQ(timer_.delay(), absl::Minutes(3));
  chunks_.FailWith(absl::OkStatus());
  timer_.Fire();
  EXPECT_EQ(Cancellations(), 1u);
  EXPECT_TRUE(timer_.held());
  upkeep_->Stop();
  EXPECT_FALSE(timer_.held());
}

}  // namespace
}  // namespace cairn::ingest
