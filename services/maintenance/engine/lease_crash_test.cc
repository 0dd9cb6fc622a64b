// Power cuts at every commit, and crashes between the steps that tell other
// services.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"

namespace cairn::maintenance {
namespace {

using Suite = FakeSuite;

class LeaseCrashTest : public ::testing::Test {
 protected:
  // What was answered, and so must hold.
  struct Promises {
    std::map<uint64_t, Lease> granted;  // and not released
    std::vector<uint64_t> released;
    uint64_t epoch = 0;
    uint64_t token = 0;
    uint64_t cut = 0;
  };

  // Loses power: what is in memory and every batch that was not synced.
  void PowerCut(FakeSuite& suite) {
    suite.coordinator.reset();
    suite.kv.PowerCut(random_);
    suite.kv.Recover();
  }

  // Every kind of change once; stops at the first error.
  absl::Status RunScript(FakeSuite& suite, Promises& promises) {
    const auto note = [&](const absl::StatusOr<EpochState>& state) {
      if (!state.ok()) return state.status();
      promises.epoch = state->epoch;
      promises.token = state->token;
      promises.cut = state->cut;
      return absl::OkStatus();
    };
    const auto grant = [&](uint64_t id, const LeaseClaim& claim,
                           LeasePurpose purpose) {
      auto lease = suite.Acquire(id, {claim}, purpose);
      if (lease.ok()) promises.granted[id] = *lease;
      return lease.status();
    };
    const auto release = [&](uint64_t id) {
      // Unknown outcome until it is answered.
      promises.granted.erase(id);
      absl::Status status = suite.Release(id);
      if (status.ok()) promises.released.push_back(id);
      return status;
    };
    suite.index.AddSnapshot(Suite::SnapshotOf(1));
    const std::vector<std::function<absl::Status()>> steps = {
        [&] { return note(suite.State()); },
        [&] {
          return grant(1, Suite::Exclusive(Suite::Group(1)),
                       LeasePurpose::kBackup);
        },
        [&] {
          return grant(2, Suite::Shared(Suite::SnapshotOf(1)),
                       LeasePurpose::kRestore);
        },
        [&] { return note(suite.Advance()); },
        [&] {
          return grant(3, Suite::Exclusive(Suite::Group(3)),
                       LeasePurpose::kSync);
        },
        [&] { return release(1); },
        [&] { return note(suite.Advance()); },
        [&] {
          return grant(4, Suite::Exclusive(Suite::kSweep),
                       LeasePurpose::kSweep);
        },
        [&] { return release(4); },
        [&] { return release(2); },
        [&] { return note(suite.Advance()); },
    };
    for (const auto& step : steps) {
      if (absl::Status status = step(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void CheckPromises(FakeSuite& suite, const Promises& promises) {
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite.State());
    EXPECT_GE(state.epoch, promises.epoch);
    EXPECT_GE(state.token, promises.token);
    EXPECT_GE(state.cut, promises.cut);
    ASSERT_OK_AND_ASSIGN(const auto page,
                         suite.coordinator->List(suite.call, "main", {}));
    const auto listed = [&](uint64_t id) {
      return std::any_of(
          page.items.begin(), page.items.end(),
          [id](const Lease& lease) { return lease.id == Suite::Id(id); });
    };
    for (const auto& [id, lease] : promises.granted) {
      EXPECT_TRUE(listed(id)) << id;
      ASSERT_OK_AND_ASSIGN(const Lease again, suite.Renew(id));
      EXPECT_EQ(again.start_epoch, lease.start_epoch);
      EXPECT_EQ(again.start_time, lease.start_time);
      EXPECT_EQ(again.claims, lease.claims);
    }
    for (const uint64_t id : promises.released) {
      EXPECT_FALSE(listed(id)) << id;
      EXPECT_THAT(suite.Renew(id), StatusIs(absl::StatusCode::kAborted));
    }
    // Whatever was cut off half done is in nobody's way for ever.
    suite.clock.Advance(absl::Seconds(60));
    EXPECT_THAT(suite.Acquire(99, {Suite::Exclusive(Suite::kDatastore)},
                              LeasePurpose::kMaintenanceMode),
                IsOk());
    ASSERT_OK_AND_ASSIGN(const EpochState later, suite.Advance());
    EXPECT_GT(later.epoch, promises.epoch);
    EXPECT_GT(later.token, promises.token);
    EXPECT_EQ(suite.index.fence(suite.ref).highest_token, later.token);
    EXPECT_EQ(suite.chunks.state(suite.ref).token, later.token);
  }

  std::mt19937_64 random_{TestSeed()};
};

TEST_F(LeaseCrashTest, PromisesOutliveAPowerCutAtEveryCommit) {
  bool completed = false;
  int cuts = 0;
  for (uint64_t nth = 1; !completed; ++nth) {
    ASSERT_LT(nth, 100u);
    SCOPED_TRACE(absl::StrCat("power fails at commit ", nth));
    FakeSuite suite;
    ASSERT_OK(suite.Start());
    suite.kv.FailCommitsFrom(nth, absl::UnavailableError("no power"));
    Promises promises;
    completed = RunScript(suite, promises).ok();
    cuts += completed ? 0 : 1;
    PowerCut(suite);
    ASSERT_OK(suite.Start());
    CheckPromises(suite, promises);
  }
  // Adopted numbers, 3 advances, 4 grants and one confirmation, 3 releases.
  EXPECT_EQ(cuts, 12);
}

TEST_F(LeaseCrashTest, EveryChangeIsSyncedBeforeItsAnswer) {
  FakeSuite suite;
  ASSERT_OK(suite.Start());
  Promises promises;
  ASSERT_OK(RunScript(suite, promises));
  EXPECT_EQ(suite.kv.commit_count(), suite.kv.synced_commit_count());
}

// Where an advance stops: in index before or after the fence, or in
// chunk_storage before or after the token.
TEST_F(LeaseCrashTest, AdvanceMayStopBetweenAnyTwoSteps) {
  for (const std::string method : {"RaiseFence", "ShowToken"}) {
    for (const bool crash : {false, true}) {
      SCOPED_TRACE(absl::StrCat(method, crash ? ", crash" : ", error"));
      FakeSuite suite;
      ASSERT_OK(suite.Start());
      ASSERT_OK_AND_ASSIGN(
          const Lease live,
          suite.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
      ASSERT_OK_AND_ASSIGN(const EpochState before, suite.State());
      const auto fail = [&](std::string_view called) {
        if (called != method) return;
        suite.index.FailWith(absl::UnavailableError("stopped here"));
        suite.chunks.FailWith(absl::UnavailableError("stopped here"));
      };
      suite.index.SetHook(fail);
      suite.chunks.SetHook(fail);
      EXPECT_THAT(suite.Advance(), StatusIs(absl::StatusCode::kUnavailable));
      suite.index.SetHook(nullptr);
      suite.chunks.SetHook(nullptr);
      suite.index.FailWith(absl::OkStatus());
      suite.chunks.FailWith(absl::OkStatus());
      if (crash) {
        PowerCut(suite);
        ASSERT_OK(suite.Start());
      }
      EXPECT_THAT(suite.index.Publish(suite.SessionOf(live)), IsOk())
          << "a live writer is not fenced by half an advance";
      ASSERT_OK(suite.Renew(1));
      ASSERT_OK_AND_ASSIGN(const EpochState after, suite.Advance());
      EXPECT_EQ(after.epoch, before.epoch + 2) << "numbers are not used twice";
      EXPECT_EQ(after.token, before.token + 2);
      EXPECT_EQ(after.cut, live.start_epoch);
      EXPECT_EQ(suite.index.fence(suite.ref).fence, after.cut);
      EXPECT_EQ(suite.chunks.state(suite.ref).floor, after.epoch);
    }
  }
}

TEST_F(LeaseCrashTest, AnUnraisedFenceIsRaisedBeforeTheNextExclusive) {
  FakeSuite suite;
  ASSERT_OK(suite.Start());
  ASSERT_OK_AND_ASSIGN(const Lease lost,
                       suite.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
  suite.clock.Advance(absl::Seconds(60));
  suite.index.SetHook([&](std::string_view method) {
    if (method == "RaiseFence") {
      suite.index.FailWith(absl::UnavailableError("crash"));
    }
  });
  EXPECT_FALSE(suite.Advance().ok());  // the cut is durable, the fence is not
  suite.index.SetHook(nullptr);
  suite.index.FailWith(absl::OkStatus());
  PowerCut(suite);
  ASSERT_OK(suite.Start());
  ASSERT_OK(suite.Acquire(2, {Suite::Exclusive(Suite::kDatastore)},
                          LeasePurpose::kMaintenanceMode));
  EXPECT_THAT(suite.index.Publish(suite.SessionOf(lost)),
              HasReasonCode(reason::kSessionFenced));
}

TEST_F(LeaseCrashTest, APendingReaderDoesNotOutliveACrash) {
  FakeSuite suite;
  ASSERT_OK(suite.Start());
  suite.index.AddSnapshot(Suite::SnapshotOf(1));
  suite.index.SetHook([&](std::string_view method) {
    if (method == "GetSnapshot") {
      suite.kv.FailCommitsFrom(1, absl::UnavailableError("no power"));
    }
  });
  EXPECT_FALSE(suite
                   .Acquire(1, {Suite::Shared(Suite::SnapshotOf(1))},
                            LeasePurpose::kRestore)
                   .ok());
  suite.index.SetHook(nullptr);
  PowerCut(suite);
  ASSERT_OK(suite.Start());
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite.State());
  EXPECT_EQ(state.live_leases, 0u);
  PowerCut(suite);
  ASSERT_OK(suite.Start());
  ASSERT_OK_AND_ASSIGN(const auto rows, LeaseStore(&suite.kv).Load());
  EXPECT_TRUE(rows.at("main").leases.empty());
}

TEST_F(LeaseCrashTest, AnExpiryThatGaveWayStaysExpired) {
  FakeSuite suite;
  ASSERT_OK(suite.Start());
  ASSERT_OK(suite.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
  suite.clock.Advance(absl::Seconds(60));
  ASSERT_OK(suite.Acquire(2, {Suite::Exclusive(Suite::Group(1))}));
  PowerCut(suite);
  ASSERT_OK(suite.Start());
  EXPECT_THAT(suite.Renew(2), IsOk());
  EXPECT_THAT(suite.Renew(1), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(LeaseCrashTest, AFullDiskRefusesAndChangesNothing) {
  FakeSuite suite;
  ASSERT_OK(suite.Start());
  ASSERT_OK(suite.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
  suite.kv.FailCommitsFrom(1, WithReason(absl::ResourceExhaustedError("full"),
                                         reason::kStorageFull));
  EXPECT_THAT(suite.Acquire(2, {Suite::Exclusive(Suite::Group(2))}),
              HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(suite.Release(1), HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(suite.Renew(1), IsOk()) << "renewal writes nothing";
  suite.kv.Recover();
  ASSERT_OK_AND_ASSIGN(const EpochState state, suite.State());
  EXPECT_EQ(state.live_leases, 1u);
  EXPECT_THAT(suite.Release(1), IsOk());
}

// A store whose disk is about to be full.
class ClosedGate final : public KvStore {
 public:
  explicit ClosedGate(KvStore* kv) : kv_(kv) {}
  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override {
    return kv_->Get(table, key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      KvTable table, std::span<const std::string> keys) const override {
    return kv_->MultiGet(table, keys);
  }
  std::unique_ptr<KvView> NewView() const override { return kv_->NewView(); }
  absl::Status Commit(const KvBatch& batch, Durability durability) override {
    if (!batch.passes_gate()) {
      return WithReason(absl::ResourceExhaustedError("gate is closed"),
                        reason::kStorageFull);
    }
    return kv_->Commit(batch, durability);
  }

 private:
  KvStore* const kv_;
};

TEST_F(LeaseCrashTest, BehindAClosedGateOnlyNewWritersWait) {
  FakeSuite suite;
  suite.index.AddSnapshot(Suite::SnapshotOf(1));
  ASSERT_OK(suite.Start());
  ASSERT_OK(suite.Acquire(1, {Suite::Exclusive(Suite::Group(1))}));
  ASSERT_OK(suite.Acquire(2, {Suite::Exclusive(Suite::Group(2))}));
  ClosedGate gate(&suite.kv);
  ASSERT_OK_AND_ASSIGN(suite.coordinator,
                       LeaseCoordinator::Open({}, {.clock = &suite.clock,
                                                   .executor = &suite.executor,
                                                   .kv = &gate,
                                                   .catalog = &suite.index,
                                                   .fence = &suite.index,
                                                   .chunks = &suite.chunks,
                                                   .metrics = &suite.metrics}));
  EXPECT_THAT(suite.Acquire(3, {Suite::Exclusive(Suite::Group(3))}),
              HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(suite.Release(1), IsOk());
  EXPECT_THAT(suite.Acquire(4, {Suite::Shared(Suite::SnapshotOf(1))},
                            LeasePurpose::kRestore),
              IsOk());
  EXPECT_THAT(
      suite.Acquire(5, {Suite::Exclusive(Suite::kSweep)}, LeasePurpose::kSweep),
      IsOk());
  EXPECT_THAT(suite.Advance(), IsOk());
  suite.clock.Advance(absl::Seconds(60));
  EXPECT_THAT(suite.coordinator->SaveExpiries(), IsOk());
  suite.coordinator.reset();
}

}  // namespace
}  // namespace cairn::maintenance
