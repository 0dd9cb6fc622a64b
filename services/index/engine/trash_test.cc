// Forgetting where a contract cannot look: rows that are gone, power cuts, and
// that index and a replay of its events agree.

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/catalog/catalog_replay.h"
#include "common/digest/sha256.h"
#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/wire/catalog_records.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

class TrashTest : public ::testing::Test {
 protected:
  TrashTest() : random_(TestSeed()) { Open(); }

  void Open() {
    std::mt19937_64 random(1);
    index_ = *InMemoryIndex::Open(&clock_, random);
    ref_ = client().GetDatastore({}, "default")->ref;
  }
  LocalIndexClient& client() { return index_->client(); }

  Snapshot MakeSnapshot(const std::string& id) {
    clock_.Advance(absl::Seconds(10));
    auto made =
        BackUp(client(), NewTestSession(ref_, TestGroup(id), 1, random_));
    EXPECT_OK(made);
    return made.ok() ? *std::move(made) : Snapshot();
  }
  absl::Status Change(const CatalogChange& change) {
    auto prepared = client().PrepareChange({}, change);
    if (!prepared.ok()) return prepared.status();
    return client().CommitChange({}, change, prepared->sequence);
  }
  static ForgetSnapshotsChange Forget(std::vector<SnapshotName> names) {
    return {
        .datastore = "default", .names = std::move(names), .trash_time = kDay};
  }
  static UndeleteSnapshotsChange Undelete(std::vector<SnapshotName> names) {
    return {.datastore = "default", .names = std::move(names)};
  }
  SnapshotRow RowOf(const SnapshotName& name) {
    IndexStore store(&index_->kv());
    auto row = store.NewView(ref_.uuid).GetSnapshot(name);
    EXPECT_OK(row);
    EXPECT_TRUE(row->has_value());
    return row->value_or(SnapshotRow());
  }
  void MakeGone(const SnapshotName& name) {
    SnapshotRow row = RowOf(name);
    row.state = SnapshotState::kGone;
    IndexStore store(&index_->kv());
    IndexBatch batch(ref_.uuid);
    batch.PutSnapshot(name, row);
    EXPECT_OK(store.Commit(batch, Durability::kSynced));
  }
  IndexState NumbersOnDisk() {
    IndexStore store(&index_->kv());
    auto state = store.GetState(ref_.uuid);
    EXPECT_OK(state);
    return *state;
  }
  // That the counts on disk are those of the rows.
  void ExpectExactCounts(const std::vector<SnapshotName>& names) {
    IndexState counted;
    std::map<GroupName, std::pair<uint64_t, int64_t>> groups;
    for (const SnapshotName& name : names) {
      const SnapshotRow row = RowOf(name);
      uint64_t bytes = 0;
      for (const Archive& archive : row.archives) {
        bytes += archive.root.size_bytes;
      }
      auto& [listed, newest] = groups[name.group];
      if (row.state == SnapshotState::kListed) {
        ++counted.snapshot_count;
        counted.logical_bytes += bytes;
        ++listed;
        newest = std::max(newest, name.time);
      } else {
        ++counted.trash_count;
        counted.trash_bytes += bytes;
      }
    }
    const IndexState found = NumbersOnDisk();
    EXPECT_EQ(found.snapshot_count, counted.snapshot_count);
    EXPECT_EQ(found.logical_bytes, counted.logical_bytes);
    EXPECT_EQ(found.trash_count, counted.trash_count);
    EXPECT_EQ(found.trash_bytes, counted.trash_bytes);
    IndexStore store(&index_->kv());
    for (const auto& [group, expected] : groups) {
      auto row = store.NewView(ref_.uuid).GetGroup(group);
      ASSERT_OK(row);
      ASSERT_TRUE(row->has_value());
      EXPECT_EQ((*row)->listed_count, expected.first) << group.ToString();
      EXPECT_EQ((*row)->newest_listed_time, expected.second)
          << group.ToString();
    }
  }

  FakeClock clock_{absl::FromUnixSeconds(1795293585)};
  std::mt19937_64 random_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
};

TEST_F(TrashTest, WhatIsGoneIsSeenByWhoHoldsItAlone) {
  const Snapshot gone = MakeSnapshot("a");
  const Snapshot listed = MakeSnapshot("a");
  ASSERT_OK(Change(Forget({gone.name})));
  MakeGone(gone.name);
  // A lease is granted of what this shows only.
  EXPECT_THAT(client().GetSnapshot({}, gone.name),
              StatusIs(absl::StatusCode::kNotFound));
  // Who has one reads on, until a sweep after its end.
  EXPECT_OK(client().FindEntries({}, {gone.name, gone.archives[0].name}, 0,
                                 ~uint64_t{0}, 4096));
  for (const bool trash : {false, true}) {
    for (const bool newest_first : {false, true}) {
      ASSERT_OK_AND_ASSIGN(
          const auto page,
          client().ListSnapshots({},
                                 {.parent = gone.name.group.parent,
                                  .newest_first = newest_first,
                                  .trash = trash},
                                 {}));
      EXPECT_EQ(page.items.size(), trash ? 0u : 1u);
    }
  }
  NewSession request = NewTestSession(ref_, TestGroup("a"), 1, random_);
  request.base = gone.name;
  EXPECT_THAT(client().OpenSession({}, request),
              StatusIs(absl::StatusCode::kNotFound));
  // And it comes back by nothing.
  EXPECT_THAT(Change(Undelete({listed.name, gone.name})),
              HasReasonCode(reason::kSnapshotGone));
  EXPECT_THAT(
      Change(UpdateSnapshotChange{
          .name = gone.name, .notes = std::nullopt, .is_protected = true}),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(Change(Forget({gone.name})));
  EXPECT_EQ(RowOf(gone.name).state, SnapshotState::kGone);
}

TEST_F(TrashTest, AChangeThatWasPreparedBringsNothingBackThatIsGone) {
  const Snapshot gone = MakeSnapshot("a");
  ASSERT_OK(Change(Forget({gone.name})));
  const UndeleteSnapshotsChange undelete = Undelete({gone.name});
  ASSERT_OK_AND_ASSIGN(const PreparedChange prepared,
                       client().PrepareChange({}, undelete));
  MakeGone(gone.name);
  EXPECT_THAT(client().CommitChange({}, undelete, prepared.sequence),
              HasReasonCode(reason::kSnapshotGone));
  EXPECT_EQ(RowOf(gone.name).state, SnapshotState::kGone);
}

TEST_F(TrashTest, TheClockGoesOnWithAForgetAndNotWithAJump) {
  const Snapshot a = MakeSnapshot("a");
  const Snapshot b = MakeSnapshot("b");
  const Snapshot c = MakeSnapshot("c");
  const Snapshot d = MakeSnapshot("d");
  EXPECT_EQ(NumbersOnDisk().clock, absl::UnixEpoch());
  ASSERT_OK(Change(Forget({a.name})));
  const absl::Time first = clock_.Now();
  EXPECT_EQ(NumbersOnDisk().clock, first);
  clock_.Advance(absl::Hours(20));
  ASSERT_OK(Change(Forget({b.name})));
  EXPECT_EQ(NumbersOnDisk().clock, clock_.Now());
  const absl::Time before = clock_.Now();
  clock_.Advance(absl::Hours(24 * 365));
  ASSERT_OK(Change(Forget({c.name})));
  EXPECT_EQ(NumbersOnDisk().clock, before) << "that is a sweep's to judge";
}

// The rows as they are after `change` or as before it, never between, and the
// counts with them.
TEST_F(TrashTest, AForgetIsWholeOrNothingWhereverPowerFails) {
  for (const bool forget : {true, false}) {
    bool finished = false;
    for (uint64_t commits = 1; !finished; ++commits) {
      ASSERT_LT(commits, 20u);
      for (int round = 0; round < 5; ++round) {
        Open();
        std::vector<SnapshotName> names;
        for (int i = 0; i < 6; ++i) {
          names.push_back(MakeSnapshot(i % 2 == 0 ? "a" : "b").name);
        }
        const std::vector<SnapshotName> some(names.begin() + 2, names.end());
        if (!forget) {
          ASSERT_OK(Change(Forget(some)));
        }
        const CatalogChange change = forget ? CatalogChange(Forget(some))
                                            : CatalogChange(Undelete(some));
        index_->kv().FailCommitsFrom(commits,
                                     absl::UnavailableError("power is lost"));
        finished = Change(change).ok();
        ASSERT_OK(index_->Restart(random_));
        const SnapshotState done =
            forget ? SnapshotState::kTrash : SnapshotState::kListed;
        const bool is_done = RowOf(some[0]).state == done;
        EXPECT_TRUE(is_done || !finished) << "what was answered is lost";
        for (const SnapshotName& name : some) {
          EXPECT_EQ(RowOf(name).state == done, is_done) << name.ToString();
        }
        ExpectExactCounts(names);
        ASSERT_OK(Change(change));
        EXPECT_EQ(RowOf(some[3]).state, done);
        ExpectExactCounts(names);
        if (HasFailure()) return;
      }
    }
  }
}

// What index holds after random changes, two at most in flight and committed
// in any order, with restarts, is what the events of all of them give.
TEST_F(TrashTest, IndexAndAReplayOfItsEventsAgree) {
  std::vector<SnapshotName> names;
  CatalogReplay replay;
  for (int i = 0; i < 12; ++i) {
    const Snapshot made = MakeSnapshot(std::string(1, 'a' + i % 3));
    names.push_back(made.name);
    Manifest manifest{.datastore = ref_,
                      .sequence = made.sequence,
                      .snapshot = made.name,
                      .archives = made.archives,
                      .owner = made.owner,
                      .session = made.session,
                      .epoch = 1,
                      .publish_time = made.publish_time};
    replay.Add(Sha256(EncodeManifest(manifest)), manifest, "");
  }
  std::vector<std::pair<CatalogChange, uint64_t>> in_flight;
  const auto some = [&] {
    std::vector<SnapshotName> chosen;
    std::sample(names.begin(), names.end(), std::back_inserter(chosen),
                1 + random_() % 4, random_);
    return chosen;
  };
  for (int step = 0; step < 400; ++step) {
    clock_.Advance(absl::Seconds(1));
    if (in_flight.size() == 2 || (!in_flight.empty() && random_() % 2 == 0)) {
      const size_t i = random_() % in_flight.size();
      ASSERT_OK(
          client().CommitChange({}, in_flight[i].first, in_flight[i].second));
      in_flight.erase(in_flight.begin() + static_cast<ptrdiff_t>(i));
      continue;
    }
    if (random_() % 20 == 0) {
      ASSERT_OK(index_->Restart(random_));
    }
    CatalogChange change = Forget(some());
    if (random_() % 3 == 0) change = Undelete(some());
    if (random_() % 3 == 0) {
      change = UpdateSnapshotChange{.name = names[random_() % names.size()],
                                    .notes = std::nullopt,
                                    .is_protected = random_() % 2 == 0};
    }
    auto prepared = client().PrepareChange({}, change);
    if (!prepared.ok()) {
      EXPECT_EQ(prepared.status().code(),
                absl::StatusCode::kFailedPrecondition);
      continue;
    }
    in_flight.emplace_back(change, prepared->sequence);
    ASSERT_OK_AND_ASSIGN(const Event event,
                         DecodeEvent(prepared->event.payload));
    replay.Add(prepared->event.key.digest, event);
  }
  for (const auto& [change, sequence] : in_flight) {
    ASSERT_OK(client().CommitChange({}, change, sequence));
  }
  const ReplayedCatalog catalog = std::move(replay).Finish();
  size_t trash = 0;
  for (const SnapshotName& name : names) {
    const SnapshotRow row = RowOf(name);
    const auto found = catalog.snapshots.find(name);
    ASSERT_NE(found, catalog.snapshots.end());
    EXPECT_EQ(found->second.state, row.state) << name.ToString();
    EXPECT_EQ(found->second.is_protected, row.is_protected);
    EXPECT_FALSE(row.is_protected && row.state != SnapshotState::kListed);
    if (row.state == SnapshotState::kTrash) ++trash;
  }
  ExpectExactCounts(names);
  for (const auto& [name, group] : catalog.groups) {
    IndexStore store(&index_->kv());
    auto row = store.NewView(ref_.uuid).GetGroup(name);
    ASSERT_OK(row);
    ASSERT_TRUE(row->has_value());
    EXPECT_EQ(group.listed_count, (*row)->listed_count);
    EXPECT_EQ(group.newest_listed_time, (*row)->newest_listed_time);
  }
}

}  // namespace
}  // namespace cairn::index
