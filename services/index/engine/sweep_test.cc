// Sweeps beside power cuts, publishes, other sweeps and damaged rows.

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/kv/kv_store.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/wire/catalog_records.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/engine/index_engine.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

// Time passes whenever somebody looks.
class TickingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixSeconds(1795293585) + Monotonic();
  }
  absl::Duration Monotonic() const override {
    return absl::Seconds(seconds_.fetch_add(1));
  }

 private:
  mutable std::atomic<int64_t> seconds_ = 1;
};

constexpr auto kNoProgress = [](const MarkProgress&) {};

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() : random_(TestSeed()), archive_(BuildArchive("a.img", 20, 1)) {}

  void SetUp() override { Open(); }

  void Open() {
    std::mt19937_64 random(1);
    IndexEngine::Options options;
    options.sweeps.start.max_batch_rows = 2;
    options.sweeps.walk.chunk_memory_bytes = 256;
    options.sweeps.walk.record_memory_bytes = 256;
    options.sweeps.walk.page_memory_bytes = 1000;
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random, options));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
    told_.clear();
  }
  LocalIndexClient& client() { return index_->client(); }
  IndexSweepClient& sweeps() { return index_->sweeps(); }

  SnapshotName Publish(const std::string& group, uint64_t epoch = 1) {
    const NewSession request =
        NewTestSession(ref_, TestGroup(group), epoch, random_);
    EXPECT_OK(client().OpenSession({}, request));
    EXPECT_OK(PutArchive(client(), request.ref, archive_));
    const auto prepared =
        client().PreparePublish({}, request.ref, RequestFor({archive_}));
    EXPECT_OK(prepared);
    const auto snapshot =
        client().CommitPublish({}, request.ref, prepared->sequence);
    EXPECT_OK(snapshot);
    return snapshot->name;
  }

  void Forget(const std::vector<SnapshotName>& names) {
    const ForgetSnapshotsChange change{.datastore = "default",
                                       .names = names,
                                       .trash_time = absl::ZeroDuration()};
    ASSERT_OK_AND_ASSIGN(const PreparedChange prepared,
                         client().PrepareChange({}, change));
    ASSERT_OK(client().CommitChange({}, change, prepared.sequence));
  }

  // Remembers what was told, and checks that it is never told otherwise.
  absl::Status ListGone(uint64_t token) {
    uint64_t after = 0;
    while (true) {
      const auto gone = sweeps().ListGoneEvents({}, ref_, token, after);
      if (!gone.ok()) return gone.status();
      for (const Record& event : gone->events) {
        after = event.sequence;
        const auto [known, added] =
            told_.emplace(event.sequence, event.key.digest);
        EXPECT_EQ(known->second, event.key.digest);
      }
      if (gone->done) return absl::OkStatus();
    }
  }

  absl::Status Mark(uint64_t token) {
    const auto stream = sweeps().MarkSweep({}, ref_, token, {}, kNoProgress);
    if (!stream.ok()) return stream.status();
    while (true) {
      const auto run = (*stream)->Next();
      if (!run.ok()) return run.status();
      if (!run->has_value()) return absl::OkStatus();
    }
  }

  absl::Status Drop(uint64_t token) {
    while (true) {
      const auto dropped = sweeps().DropPages({}, ref_, token, 3, false);
      if (!dropped.ok()) return dropped.status();
      if (dropped->done) return absl::OkStatus();
    }
  }

  absl::Status Sweep(uint64_t token, uint64_t cut) {
    const auto begun = sweeps().BeginSweep({}, ref_, {token, cut});
    if (!begun.ok()) return begun.status();
    begun_ = *begun;
    absl::Status status = ListGone(token);
    if (status.ok()) status = Mark(token);
    if (status.ok()) status = Drop(token);
    if (!status.ok()) return status;
    return sweeps().EndSweep({}, ref_, token, true).status();
  }

  TickingClock clock_;
  std::mt19937_64 random_;
  const BuiltArchive archive_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
  std::map<uint64_t, Digest> told_;
  IndexSweep begun_;
};

TEST_F(SweepTest, APowerCutAtEveryCommitLeavesWhatTheNextSweepEnds) {
  bool finished = false;
  for (uint64_t commits = 1; !finished; ++commits) {
    ASSERT_LT(commits, 100u);
    for (int round = 0; round < 3; ++round) {
      Open();
      const SnapshotName kept = Publish("kept");
      std::vector<SnapshotName> forgotten;
      for (int i = 0; i < 7; ++i) {
        forgotten.push_back(Publish(absl::StrCat("web", i % 3)));
      }
      Forget(forgotten);
      begun_ = {};
      index_->kv().FailCommitsFrom(commits, absl::UnavailableError("no power"));
      const absl::Status swept = Sweep(5, 4);
      finished = swept.ok();
      const uint64_t fence = begun_.fence;
      ASSERT_OK(index_->Restart(random_));
      // In memory alone, so it is over.
      EXPECT_THAT(sweeps().MarkSweep({}, ref_, 5, {}, kNoProgress),
                  HasReasonCode(reason::kSweepLost));
      ASSERT_OK_AND_ASSIGN(const FenceState state, client().GetFence({}, ref_));
      EXPECT_GE(state.fence, fence);
      ASSERT_OK(Sweep(6, 5));
      ASSERT_OK_AND_ASSIGN(const IndexSweep after,
                           sweeps().BeginSweep({}, ref_, {7, 6}));
      EXPECT_EQ(after.listed_count, 1u);
      EXPECT_EQ(after.trash_count, 0u);
      EXPECT_EQ(after.gone_count, 0u);
      EXPECT_OK(Mark(7));  // which counts the rows
      ASSERT_OK_AND_ASSIGN(
          const auto groups,
          client().ListGroups({}, {.parent = TestGroup("x").parent}, {}));
      EXPECT_EQ(groups.items.size(), 1u);
      EXPECT_OK(client().FindEntries({}, {kept, "a.img"}, 0, ~uint64_t{0}, 9));
      if (HasFailure()) return;
    }
  }
}

TEST_F(SweepTest, WhatIsPublishedWhileASweepBeginsIsInItsViewOrNever) {
  constexpr int kSessions = 60;
  std::vector<NewSession> requests;
  std::vector<uint64_t> sequences;
  for (int i = 0; i < kSessions; ++i) {
    requests.push_back(
        NewTestSession(ref_, TestGroup(absl::StrCat("web", i)), 5, random_));
    ASSERT_OK(client().OpenSession({}, requests.back()));
    ASSERT_OK(PutArchive(client(), requests.back().ref, archive_));
    ASSERT_OK_AND_ASSIGN(const PreparedPublish prepared,
                         client().PreparePublish({}, requests.back().ref,
                                                 RequestFor({archive_})));
    sequences.push_back(prepared.sequence);
  }
  std::atomic<uint64_t> published = 0;
  absl::Notification some_are_published;
  ASSERT_OK_AND_ASSIGN(auto writer, ThreadPoolExecutor::Create({.threads = 1}));
  ASSERT_OK(writer->Schedule([&] {
    for (size_t i = 0; i < kSessions; ++i) {
      const auto snapshot =
          client().CommitPublish({}, requests[i].ref, sequences[i]);
      if (!snapshot.ok()) {
        EXPECT_THAT(snapshot, HasReasonCode(reason::kSessionFenced));
      } else if (++published == kSessions / 3) {
        some_are_published.Notify();
      }
    }
  }));
  some_are_published.WaitForNotification();
  ASSERT_OK_AND_ASSIGN(const IndexSweep sweep,
                       sweeps().BeginSweep({}, ref_, {1, 6}));
  writer->Shutdown();
  EXPECT_EQ(sweep.listed_count, published);
  EXPECT_OK(Mark(1));
}

TEST_F(SweepTest, AnotherSweepEndsAWalkInItsMiddle) {
  Publish("web1");
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  bool told = false;
  const auto begin_another = [&](const MarkProgress&) {
    if (!std::exchange(told, true)) {
      EXPECT_OK(sweeps().BeginSweep({}, ref_, {6, 4}));
    }
  };
  EXPECT_THAT(sweeps().MarkSweep({}, ref_, 5, {}, begin_another),
              HasReasonCode(reason::kSweepLost));
  EXPECT_TRUE(told);
  EXPECT_OK(Mark(6));
}

TEST_F(SweepTest, ASecondMarkEndsTheFirst) {
  Publish("web1");
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  bool told = false;
  const auto mark_again = [&](const MarkProgress&) {
    if (!std::exchange(told, true)) {
      EXPECT_OK(Mark(5));
    }
  };
  EXPECT_THAT(sweeps().MarkSweep({}, ref_, 5, {}, mark_again),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(ListGone(5));
  EXPECT_OK(Drop(5));
}

TEST_F(SweepTest, AHigherTokenStopsTheDropping) {
  const SnapshotName name = Publish("web1");
  Forget({name});
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  ASSERT_OK(ListGone(5));
  ASSERT_OK(Mark(5));
  ASSERT_OK(client().RaiseFence({}, ref_, 4, 6));
  EXPECT_THAT(Drop(5), HasReasonCode(reason::kSweepLost));
  EXPECT_THAT(sweeps().EndSweep({}, ref_, 5, true),
              HasReasonCode(reason::kSweepLost));
}

TEST_F(SweepTest, ACountThatIsWrongEndsIt) {
  Publish("web1");
  for (int field = 0; field < 3; ++field) {
    IndexStore store(&index_->kv());
    ASSERT_OK_AND_ASSIGN(const IndexState right, store.GetState(ref_.uuid));
    IndexState wrong = right;
    ++(field == 0   ? wrong.snapshot_count
       : field == 1 ? wrong.trash_count
                    : wrong.gone_count);
    IndexBatch batch(ref_.uuid);
    batch.PutState(wrong);
    ASSERT_OK(store.Commit(batch, Durability::kSynced));
    ASSERT_OK(index_->Restart(random_));
    ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
    EXPECT_THAT(Mark(5), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(sweeps().DropPages({}, ref_, 5, 10, true),
                StatusIs(absl::StatusCode::kFailedPrecondition));
    ASSERT_OK_AND_ASSIGN(const IndexState now, store.GetState(ref_.uuid));
    IndexState restored = now;
    restored.snapshot_count = right.snapshot_count;
    restored.trash_count = right.trash_count;
    restored.gone_count = right.gone_count;
    IndexBatch heal(ref_.uuid);
    heal.PutState(restored);
    ASSERT_OK(store.Commit(heal, Durability::kSynced));
    ASSERT_OK(index_->Restart(random_));
  }
}

TEST_F(SweepTest, AnUnreadablePageEndsItAndIsALossOfAScope) {
  const SnapshotName name = Publish("web1");
  IndexBatch batch(ref_.uuid);
  const PageRoot& root = *archive_.checkpoint.root;
  batch.RemovePage(root.page);
  IndexStore store(&index_->kv());
  ASSERT_OK(store.Commit(batch, Durability::kSynced));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  const absl::Status marked = Mark(5);
  EXPECT_THAT(marked, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_NE(marked.message().find(root.page.ToHex()), std::string::npos);
  std::vector<DamagedSnapshot> found;
  ASSERT_OK(sweeps().FindReferences(
      {}, ref_, {.parent = TestGroup("x").parent}, {}, 10,
      [&](const DamagedSnapshot& damaged) { found.push_back(damaged); }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, name);
  EXPECT_EQ(found[0].damaged_bytes, root.size_bytes - root.hole_bytes);
}

TEST_F(SweepTest, ASessionWhoseStateIsDamagedEndsIt) {
  const NewSession request =
      NewTestSession(ref_, TestGroup("web1"), 5, random_);
  ASSERT_OK(client().OpenSession({}, request));
  ArchiveCheckpoint part = archive_.checkpoint;
  part.root.reset();
  part.builder_state = "no state";
  ASSERT_OK(client().SaveCheckpoint({}, request.ref, part, 0));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_THAT(Mark(5), StatusIs(absl::StatusCode::kDataLoss));
  // Aborted, it holds nothing up.
  ASSERT_OK(client().AbortSession({}, request.ref));
  EXPECT_OK(Sweep(6, 4));
}

}  // namespace
}  // namespace cairn::index
