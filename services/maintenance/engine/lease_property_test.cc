// L7: random requests against a model that knows nothing of counters, books
// or rows: a plain list of leases that is searched from end to end.
#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_suite.h"

namespace cairn::maintenance {
namespace {

constexpr int kRuns = 25;
constexpr int kSteps = 400;

struct ModelLease {
  LeaseRequest request;
  uint64_t epoch = 0;
  absl::Time start;
  absl::Duration deadline;
  enum { kLive, kExpired, kOver } state = kLive;
};

class Model {
 public:
  uint64_t epoch = 1;
  uint64_t token = 1;
  uint64_t cut = 0;
  uint64_t expired_writer = 0;
  std::vector<ModelLease> leases;
  std::vector<std::string> snapshots;

  void Tick(absl::Duration now) {
    for (ModelLease& lease : leases) {
      if (lease.state != ModelLease::kLive || lease.deadline > now) continue;
      lease.state = ModelLease::kExpired;
      if (MayWrite(lease.request.purpose)) {
        expired_writer = std::max(expired_writer, lease.epoch);
      }
    }
  }

  static bool Excludes(const LeaseRequest& a, const LeaseRequest& b) {
    for (const LeaseClaim& x : a.claims) {
      for (const LeaseClaim& y : b.claims) {
        const bool exclusive =
            x.mode == LeaseMode::kExclusive || y.mode == LeaseMode::kExclusive;
        if (x.resource == y.resource && exclusive) return true;
      }
    }
    return WholeDatastore(a) || WholeDatastore(b);
  }
  static bool WholeDatastore(const LeaseRequest& request) {
    for (const LeaseClaim& claim : request.claims) {
      if (claim.resource == "datastores/main" &&
          claim.mode == LeaseMode::kExclusive) {
        return true;
      }
    }
    return false;
  }
  bool InTheWay(const LeaseRequest& request) const {
    for (const ModelLease& lease : leases) {
      if (lease.state == ModelLease::kLive && lease.request.id != request.id &&
          Excludes(lease.request, request)) {
        return true;
      }
    }
    return false;
  }
  // A snapshot that a reader asks for and index does not know.
  bool Gone(const LeaseRequest& request) const {
    if (MayWrite(request.purpose)) return false;
    for (const LeaseClaim& claim : request.claims) {
      if (claim.resource.find("/snapshots/") != std::string::npos &&
          std::find(snapshots.begin(), snapshots.end(), claim.resource) ==
              snapshots.end()) {
        return true;
      }
    }
    return false;
  }
  // Whoever is granted something ends the hopes of those in its way.
  void EndRivals(const LeaseRequest& request) {
    for (ModelLease& lease : leases) {
      if (lease.state == ModelLease::kExpired &&
          lease.request.id != request.id && Excludes(lease.request, request)) {
        lease.state = ModelLease::kOver;
      }
    }
  }
  void AdvanceEpoch() {
    ++epoch;
    ++token;
    uint64_t least = epoch;
    for (const ModelLease& lease : leases) {
      if (lease.state == ModelLease::kLive && MayWrite(lease.request.purpose)) {
        least = std::min(least, lease.epoch);
      }
    }
    cut = std::max(cut, least);
  }
  int live_count() const {
    return static_cast<int>(std::count_if(
        leases.begin(), leases.end(),
        [](const ModelLease& l) { return l.state == ModelLease::kLive; }));
  }
  std::optional<absl::Time> oldest() const {
    std::optional<absl::Time> oldest;
    for (const ModelLease& lease : leases) {
      if (lease.state != ModelLease::kLive) continue;
      oldest = std::min(oldest.value_or(lease.start), lease.start);
    }
    return oldest;
  }
};

class LeasePropertyTest : public ::testing::Test {
 protected:
  void Begin() {
    suite_ = std::make_unique<FakeSuite>();
    model_ = Model();
    next_id_ = 1;
    for (int i = 0; i < 3; ++i) {
      model_.snapshots.push_back(FakeSuite::SnapshotOf(i));
      suite_->index.AddSnapshot(FakeSuite::SnapshotOf(i));
    }
    ASSERT_OK(suite_->Start());
  }

  int Pick(int n) { return absl::Uniform<int>(random_, 0, n); }

  LeaseRequest RandomRequest() {
    std::vector<std::string> resources = {FakeSuite::kDatastore,
                                          FakeSuite::kSweep};
    for (int i = 0; i < 4; ++i) {
      resources.push_back(FakeSuite::Group(i));
      resources.push_back(FakeSuite::SnapshotOf(i));  // the last is not there
    }
    std::shuffle(resources.begin(), resources.end(), random_);
    std::vector<LeaseClaim> claims;
    for (int i = 0; i < 1 + Pick(3); ++i) {
      const bool exclusive =
          Pick(resources[i] == FakeSuite::kDatastore ? 2 : 3) == 0;
      claims.push_back({resources[i], exclusive ? LeaseMode::kExclusive
                                                : LeaseMode::kShared});
    }
    LeaseRequest request = suite_->Request(
        next_id_++, claims, static_cast<LeasePurpose>(1 + Pick(9)));
    request.ttl = absl::Seconds(1 + Pick(60));
    return request;
  }

  void AcquireNew() {
    const LeaseRequest request = RandomRequest();
    const auto lease = suite_->coordinator->Acquire(suite_->call, request);
    if (model_.InTheWay(request)) {
      EXPECT_THAT(lease, HasReasonCode(reason::kLeaseHeld));
      return;
    }
    if (Model::WholeDatastore(request) && model_.expired_writer > 0 &&
        model_.expired_writer >= model_.cut) {
      model_.AdvanceEpoch();
    }
    model_.EndRivals(request);
    if (model_.Gone(request)) {
      EXPECT_THAT(lease, StatusIs(absl::StatusCode::kNotFound));
      return;
    }
    ASSERT_OK(lease);
    EXPECT_EQ(lease->start_epoch, model_.epoch);
    model_.leases.push_back({request, model_.epoch, suite_->clock.Now(),
                             suite_->clock.Monotonic() + request.ttl});
  }

  // By Renew, or by the same request again.
  void Continue(ModelLease& known) {
    const bool renew = Pick(2) == 0;
    // The same id of a lease that is over is a new lease; not this test's.
    if (!renew &&
        (known.state == ModelLease::kOver ||
         (known.state == ModelLease::kExpired && known.epoch < model_.cut))) {
      return;
    }
    const auto lease =
        renew
            ? suite_->coordinator->Renew(suite_->call, "main", known.request.id)
            : suite_->coordinator->Acquire(suite_->call, known.request);
    if (known.state == ModelLease::kOver ||
        (known.state == ModelLease::kExpired && known.epoch < model_.cut)) {
      EXPECT_THAT(lease, StatusIs(absl::StatusCode::kAborted));
      return;
    }
    if (known.state == ModelLease::kExpired) {
      if (model_.InTheWay(known.request)) {
        EXPECT_THAT(lease,
                    StatusIs(renew ? absl::StatusCode::kAborted
                                   : absl::StatusCode::kFailedPrecondition));
        return;
      }
      model_.EndRivals(known.request);
      if (model_.Gone(known.request)) {
        EXPECT_THAT(lease, StatusIs(renew ? absl::StatusCode::kAborted
                                          : absl::StatusCode::kNotFound));
        known.state = ModelLease::kOver;
        return;
      }
    }
    ASSERT_OK(lease);
    EXPECT_EQ(lease->start_epoch, known.epoch);
    known.state = ModelLease::kLive;
    known.deadline = suite_->clock.Monotonic() + known.request.ttl;
  }

  void Release(ModelLease& known) {
    ASSERT_OK(
        suite_->coordinator->Release(suite_->call, "main", known.request.id));
    known.state = ModelLease::kOver;
  }

  void Restart() {
    ASSERT_OK(suite_->coordinator->SaveExpiries());
    ASSERT_OK(suite_->Start());
    for (ModelLease& lease : model_.leases) {
      lease.deadline = suite_->clock.Monotonic() + lease.request.ttl;
    }
  }

  void ToggleSnapshot() {
    const std::string name = FakeSuite::SnapshotOf(Pick(3));
    const auto found =
        std::find(model_.snapshots.begin(), model_.snapshots.end(), name);
    if (found == model_.snapshots.end()) {
      model_.snapshots.push_back(name);
      suite_->index.AddSnapshot(name);
    } else {
      model_.snapshots.erase(found);
      suite_->index.RemoveSnapshot(name);
    }
  }

  void Step() {
    ModelLease* const some =
        model_.leases.empty()
            ? nullptr
            // Mostly a young one: old ones are over.
            : &model_.leases[model_.leases.size() - 1 -
                             Pick(std::min<int>(model_.leases.size(), 8))];
    switch (Pick(10)) {
      case 0:
      case 1:
      case 2:
        return AcquireNew();
      case 3:
      case 4:
        if (some != nullptr) Continue(*some);
        return;
      case 5:
      case 6:
        if (some != nullptr) Release(*some);
        return;
      case 7:
        suite_->clock.Advance(absl::Seconds(Pick(40)));
        return model_.Tick(suite_->clock.Monotonic());
      case 8:
        if (Pick(2) == 0) return ToggleSnapshot();
        ASSERT_OK(suite_->Advance());
        return model_.AdvanceEpoch();
      case 9:
        return Restart();
    }
  }

  void Check() {
    ASSERT_OK_AND_ASSIGN(const EpochState state, suite_->State());
    EXPECT_EQ(state.live_leases, static_cast<uint64_t>(model_.live_count()));
    EXPECT_EQ(state.oldest_lease_start, model_.oldest());
    EXPECT_EQ(state.epoch, model_.epoch);
    EXPECT_EQ(state.token, model_.token);
    EXPECT_EQ(state.cut, model_.cut);
    EXPECT_EQ(suite_->index.fence(suite_->ref).fence, model_.cut);
    EXPECT_EQ(suite_->chunks.state(suite_->ref).floor, model_.epoch);
    double shown = 0;
    for (const auto& [purpose, gauge] : suite_->metrics.leases_live) {
      shown += gauge->Value();
    }
    EXPECT_EQ(shown, model_.live_count());
    CheckSafety();
  }

  // No live writer is fenced; and beside a lease on the whole datastore no
  // other writer can publish.
  void CheckSafety() {
    const ModelLease* alone = nullptr;
    for (const ModelLease& lease : model_.leases) {
      if (lease.state == ModelLease::kLive &&
          Model::WholeDatastore(lease.request)) {
        alone = &lease;
      }
    }
    for (const ModelLease& lease : model_.leases) {
      if (!MayWrite(lease.request.purpose)) continue;
      const absl::Status published =
          suite_->index.Publish({suite_->ref, lease.request.id, lease.epoch});
      if (lease.state == ModelLease::kLive) {
        EXPECT_THAT(published, IsOk());
      } else if (alone != nullptr && lease.state == ModelLease::kExpired) {
        EXPECT_THAT(published, HasReasonCode(reason::kSessionFenced));
      }
    }
  }

  std::mt19937_64 random_{TestSeed()};
  std::unique_ptr<FakeSuite> suite_;
  Model model_;
  uint64_t next_id_ = 1;
};

TEST_F(LeasePropertyTest, L7GrantsExactlyWhatTheModelGrants) {
  SetLogLevel(cairn::LogLevel::kWarning);
  int granted = 0;
  for (int run = 0; run < kRuns; ++run) {
    Begin();
    for (int step = 0; step < kSteps; ++step) {
      SCOPED_TRACE(absl::StrCat("run ", run, " step ", step));
      Step();
      Check();
      if (HasFailure()) return;
    }
    granted += static_cast<int>(model_.leases.size());
  }
  EXPECT_GT(granted, kRuns * 10) << "the test has lost its point";
}

}  // namespace
}  // namespace cairn::maintenance
