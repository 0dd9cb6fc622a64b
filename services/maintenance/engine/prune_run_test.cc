#include "services/maintenance/engine/prune_run.h"

#include <string>
#include <variant>
#include <vector>

#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_run.h"

namespace cairn::maintenance {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kFirst = 1764547200;  // 2025-12-01T00:00:00Z

class PruneRunTest : public ::testing::Test {
 protected:
  SnapshotName Name(const std::string& group, int day) {
    return {*GroupName::Parse("datastores/main/" + group), kFirst + day * kDay};
  }
  void Add(const std::string& group, int day, bool is_protected = false) {
    Snapshot snapshot;
    snapshot.name = Name(group, day);
    snapshot.is_protected = is_protected;
    suite_.index.PutSnapshot(snapshot);
  }
  void AddDays(const std::string& group, int days) {
    for (int day = 0; day < days; ++day) Add(group, day);
  }

  // As index and its carrier do it.
  absl::Status Apply(const CatalogChange& change) {
    const auto& forget = std::get<ForgetSnapshotsChange>(change);
    ++changes_;
    if (before_change_) before_change_();
    for (const SnapshotName& name : forget.names) {
      for (const Snapshot& snapshot : suite_.index.snapshots()) {
        if (snapshot.name == name && snapshot.is_protected) {
          return WithReason(absl::FailedPreconditionError("protected"),
                            reason::kSnapshotProtected);
        }
      }
    }
    RETURN_IF_ERROR(failure_);
    for (const SnapshotName& name : forget.names) {
      forgotten_.push_back(name);
      suite_.index.RemoveSnapshot(name.ToString());
    }
    last_trash_time_ = forget.trash_time;
    return absl::OkStatus();
  }

  Pruner NewPruner() {
    return Pruner(options_, {&suite_.clock, &suite_.index,
                             [this](const Call&, const std::string& datastore,
                                    const CatalogChange& change) {
                               EXPECT_EQ(datastore, "main");
                               return Apply(change);
                             }});
  }
  PruneRunOptions KeepLast(uint32_t count) {
    PruneRunOptions asked;
    asked.scope.parent.datastore = "main";
    asked.keep.keep_last = count;
    asked.guards.allow_share = true;
    return asked;
  }

  FakeRunSuite suite_;
  RecordingControl control_;
  Pruner::Options options_;
  int changes_ = 0;
  std::function<void()> before_change_;
  absl::Status failure_;
  std::vector<SnapshotName> forgotten_;
  absl::Duration last_trash_time_;
};

TEST_F(PruneRunTest, ForgetsOldestFirstOfAllGroups) {
  AddDays("groups/host/web1", 5);
  AddDays("groups/vm/100", 4);
  options_.batch = 2;
  ASSERT_OK_AND_ASSIGN(const PruneRunResult result,
                       NewPruner().Run(KeepLast(2), control_));
  EXPECT_EQ(result.groups, 2u);
  EXPECT_EQ(result.kept, 4u);
  EXPECT_EQ(result.forgotten, 5u);
  EXPECT_EQ(result.failed, 0u);
  EXPECT_EQ(changes_, 3);
  ASSERT_EQ(forgotten_.size(), 5u);
  for (size_t i = 1; i < forgotten_.size(); ++i) {
    EXPECT_LE(forgotten_[i - 1].time, forgotten_[i].time);
  }
  EXPECT_EQ(last_trash_time_, absl::Hours(24 * 7));
  EXPECT_TRUE(control_.Logged("remove datastores/main/groups/host/web1"));
}

TEST_F(PruneRunTest, NoKeepRuleKeepsAll) {
  AddDays("groups/host/web1", 5);
  ASSERT_OK_AND_ASSIGN(const PruneRunResult result,
                       NewPruner().Run(KeepLast(0), control_));
  EXPECT_EQ(result.kept, 5u);
  EXPECT_EQ(changes_, 0);
}

TEST_F(PruneRunTest, ScopeDepthAndFiltersSayWhichGroups) {
  AddDays("groups/host/web1", 3);
  AddDays("groups/vm/100", 3);
  AddDays("namespaces/a/groups/vm/100", 3);
  AddDays("namespaces/a/namespaces/b/groups/vm/100", 3);
  const auto forgotten = [this](PruneRunOptions asked) {
    asked.validate_only = true;
    const auto result = NewPruner().Run(asked, control_);
    EXPECT_OK(result);
    return result.ok() ? result->forgotten : 0;
  };
  PruneRunOptions asked = KeepLast(1);
  EXPECT_EQ(forgotten(asked), 4u);
  asked.scope.max_depth = 1;
  EXPECT_EQ(forgotten(asked), 6u);
  asked.scope.max_depth = 7;
  EXPECT_EQ(forgotten(asked), 8u);
  asked.include = {"type:vm"};
  EXPECT_EQ(forgotten(asked), 6u);
  asked.exclude = {"regex:^vm/1"};
  EXPECT_EQ(forgotten(asked), 0u);
  asked = KeepLast(1);
  asked.scope.group = Name("groups/vm/100", 0).group;
  EXPECT_EQ(forgotten(asked), 2u);
  EXPECT_EQ(changes_, 0);
}

TEST_F(PruneRunTest, ExecutesThePlanThatWasLookedAtOrNothing) {
  AddDays("groups/host/web1", 5);
  ASSERT_OK_AND_ASSIGN(const PlannedPrune planned,
                       NewPruner().Plan(suite_.call, KeepLast(2)));
  EXPECT_EQ(planned.result.forgotten, 3u);
  PruneRunOptions asked = KeepLast(2);
  asked.plan_hash = planned.result.plan_hash;
  Add("groups/host/web1", 6);
  EXPECT_THAT(NewPruner().Run(asked, control_),
              HasReasonCode(reason::kPlanChanged));
  EXPECT_EQ(changes_, 0);
  suite_.index.RemoveSnapshot(Name("groups/host/web1", 6).ToString());
  ASSERT_OK(NewPruner().Run(asked, control_));
  EXPECT_EQ(forgotten_.size(), 3u);
}

TEST_F(PruneRunTest, OneThatIsProtectedMeanwhileKeepsNoOther) {
  AddDays("groups/host/web1", 25);
  before_change_ = [this] { Add("groups/host/web1", 7, true); };
  ASSERT_OK_AND_ASSIGN(const PruneRunResult result,
                       NewPruner().Run(KeepLast(1), control_));
  EXPECT_EQ(result.forgotten, 23u);
  EXPECT_EQ(result.failed, 1u);
  EXPECT_LT(changes_, 20);
  EXPECT_TRUE(control_.Logged(Name("groups/host/web1", 7).ToString()));
}

TEST_F(PruneRunTest, WhatCannotBeForgottenIsCountedAndTheRestGoesOn) {
  AddDays("groups/host/web1", 10);
  options_.batch = 3;
  before_change_ = [this] {
    failure_ = changes_ == 2 ? absl::UnavailableError("store is down")
                             : absl::OkStatus();
  };
  PruneRunOptions asked = KeepLast(1);
  asked.trash_time = absl::ZeroDuration();
  ASSERT_OK_AND_ASSIGN(const PruneRunResult result,
                       NewPruner().Run(asked, control_));
  EXPECT_EQ(result.forgotten, 6u);
  EXPECT_EQ(result.failed, 3u);
  EXPECT_TRUE(control_.Logged("store is down"));
  EXPECT_EQ(last_trash_time_, absl::ZeroDuration());
}

TEST_F(PruneRunTest, StopsBetweenBatches) {
  AddDays("groups/host/web1", 10);
  options_.batch = 2;
  before_change_ = [this] {
    if (changes_ == 2) control_.token.Cancel();
  };
  EXPECT_THAT(NewPruner().Run(KeepLast(1), control_),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(forgotten_.size(), 4u);
}

TEST_F(PruneRunTest, GuardsAreCountedAndTold) {
  AddDays("groups/host/web1", 10);
  PruneRunOptions asked = KeepLast(1);
  asked.guards.allow_share = false;
  ASSERT_OK_AND_ASSIGN(const PruneRunResult result,
                       NewPruner().Run(asked, control_));
  EXPECT_EQ(result.forgotten, 0u);
  EXPECT_EQ(result.refused, 9u);
  EXPECT_TRUE(control_.Logged("share guard"));
}

TEST_F(PruneRunTest, RefusesWhatCannotBeRead) {
  AddDays("groups/host/web1", 3);
  PruneRunOptions asked = KeepLast(1);
  asked.include = {"nonsense"};
  EXPECT_THAT(NewPruner().Run(asked, control_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  asked = KeepLast(1);
  asked.time_zone = "Middle/Earth";
  EXPECT_THAT(NewPruner().Run(asked, control_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  suite_.index.FailWith(absl::UnavailableError("index is down"));
  EXPECT_THAT(NewPruner().Run(KeepLast(1), control_),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(changes_, 0);
}

}  // namespace
}  // namespace cairn::maintenance
