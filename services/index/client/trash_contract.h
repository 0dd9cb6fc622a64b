#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/catalog_records.h"
#include "services/index/client/index_client_contract.h"

namespace cairn {

// Forgetting, as every way to reach index does it alike.
class TrashContract : public IndexClientContract {
 protected:
  Snapshot MakeSnapshot(const std::string& id, const std::string& path = "") {
    absl::StatusOr<Snapshot> made =
        BackUp(sessions(), NewIn(TestGroup(id, path)));
    EXPECT_OK(made);
    clock_.Advance(absl::Seconds(10));
    return made.ok() ? *std::move(made) : Snapshot();
  }
  static ForgetSnapshotsChange Forget(std::vector<SnapshotName> names,
                                      absl::Duration time = absl::Hours(24)) {
    return {
        .datastore = "default", .names = std::move(names), .trash_time = time};
  }
  static UndeleteSnapshotsChange Undelete(std::vector<SnapshotName> names) {
    return {.datastore = "default", .names = std::move(names)};
  }
  std::set<SnapshotName> Names(bool trash, bool newest_first = false) {
    const SnapshotQuery query{.parent = Space(""),
                              .max_depth = 8,
                              .newest_first = newest_first,
                              .trash = trash};
    const auto page = catalog().ListSnapshots({}, query, {});
    EXPECT_OK(page);
    std::set<SnapshotName> names;
    for (const Snapshot& one : page->items) {
      EXPECT_EQ(one.state,
                trash ? SnapshotState::kTrash : SnapshotState::kListed);
      names.insert(one.name);
    }
    return names;
  }
  void ExpectCounts(const std::vector<Snapshot>& listed,
                    const std::vector<Snapshot>& trash) {
    ASSERT_OK_AND_ASSIGN(const CatalogStatistics counted,
                         catalog().GetStatistics({}, "default"));
    uint64_t listed_bytes = 0;
    for (const Snapshot& one : listed) listed_bytes += one.size_bytes();
    uint64_t trash_bytes = 0;
    for (const Snapshot& one : trash) trash_bytes += one.size_bytes();
    EXPECT_EQ(counted.snapshot_count, listed.size());
    EXPECT_EQ(counted.logical_bytes, listed_bytes);
    EXPECT_EQ(counted.trash_count, trash.size());
    EXPECT_EQ(counted.trash_bytes, trash_bytes);
  }
  Group GroupOf(const SnapshotName& name) {
    const auto groups =
        catalog().ListGroups({}, {.parent = name.group.parent}, {});
    EXPECT_OK(groups);
    for (const Group& group : groups->items) {
      if (group.name == name.group) return group;
    }
    ADD_FAILURE() << name.group.ToString() << " is not listed";
    return {};
  }
  PreparedChange Prepare(const CatalogChange& change) {
    auto prepared = catalog().PrepareChange({}, change);
    EXPECT_OK(prepared);
    return prepared.ok() ? *std::move(prepared) : PreparedChange();
  }
  UpdateSnapshotChange Protection(const SnapshotName& name, bool value) {
    return {.name = name, .notes = std::nullopt, .is_protected = value};
  }
};

TEST_P(TrashContract, WhatIsForgottenIsInTrashUntilItIsTakenBack) {
  const Snapshot first = MakeSnapshot("a");
  const Snapshot second = MakeSnapshot("a");
  const Snapshot other = MakeSnapshot("b");
  const absl::Time now = clock_.Now();
  ASSERT_OK(Change(Forget({second.name, other.name})));
  EXPECT_EQ(Names(false), std::set<SnapshotName>{first.name});
  EXPECT_EQ(Names(true), (std::set<SnapshotName>{second.name, other.name}));
  EXPECT_EQ(Names(false, true), Names(false));
  EXPECT_EQ(Names(true, true), Names(true));
  ExpectCounts({first}, {second, other});
  EXPECT_EQ(GroupOf(first.name).snapshot_count, 1u);
  EXPECT_EQ(GroupOf(first.name).last_snapshot_time, first.name.time);
  EXPECT_EQ(GroupOf(other.name).snapshot_count, 0u);
  EXPECT_EQ(GroupOf(other.name).last_snapshot_time, std::nullopt);
  // It can still be read, and says until when it can be taken back.
  ASSERT_OK_AND_ASSIGN(const Snapshot read,
                       catalog().GetSnapshot({}, second.name));
  EXPECT_EQ(read.state, SnapshotState::kTrash);
  EXPECT_EQ(read.trash_time, now);
  EXPECT_EQ(read.trash_until, now + absl::Hours(24));
  EXPECT_OK(sessions().FindEntries({}, {second.name, second.archives[0].name},
                                   0, ~uint64_t{0}, 4096));

  ASSERT_OK(Change(Undelete({second.name, first.name})));
  EXPECT_EQ(Names(false), (std::set<SnapshotName>{first.name, second.name}));
  ExpectCounts({first, second}, {other});
  EXPECT_EQ(GroupOf(first.name).snapshot_count, 2u);
  EXPECT_EQ(GroupOf(first.name).last_snapshot_time, second.name.time);
  ASSERT_OK_AND_ASSIGN(const Snapshot back,
                       catalog().GetSnapshot({}, second.name));
  EXPECT_EQ(back.trash_time, std::nullopt);
  EXPECT_EQ(back.trash_until, std::nullopt);
}

TEST_P(TrashContract, ListsOfBothKindsHaveTokensOfTheirOwn) {
  const Snapshot first = MakeSnapshot("a");
  const Snapshot second = MakeSnapshot("b");
  ASSERT_OK(Change(Forget({first.name})));
  SnapshotQuery query{.parent = Space("")};
  MakeSnapshot("c");
  ASSERT_OK_AND_ASSIGN(const auto page,
                       catalog().ListSnapshots({}, query, {.page_size = 1}));
  ASSERT_NE(page.next_page_token, "");
  query.trash = true;
  EXPECT_THAT(
      catalog().ListSnapshots({}, query, {.page_token = page.next_page_token}),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(TrashContract, ForgettingPassesOverWhatIsNotListed) {
  const Snapshot first = MakeSnapshot("a");
  SnapshotName never = first.name;
  never.time += 1;
  ASSERT_OK(Change(Forget({first.name, never}, absl::Hours(24))));
  ASSERT_OK_AND_ASSIGN(const Snapshot before,
                       catalog().GetSnapshot({}, first.name));
  clock_.Advance(absl::Hours(1));
  // Neither does it shorten the time of what is forgotten.
  ASSERT_OK(Change(Forget({first.name, never}, absl::ZeroDuration())));
  ASSERT_OK(Change(Forget({never})));
  ASSERT_OK_AND_ASSIGN(const Snapshot after,
                       catalog().GetSnapshot({}, first.name));
  EXPECT_EQ(after.trash_time, before.trash_time);
  EXPECT_EQ(after.trash_until, before.trash_until);
  ExpectCounts({}, {first});
}

TEST_P(TrashContract, AClockThatWentBackDoesNotShortenTheTime) {
  const Snapshot first = MakeSnapshot("a");
  const Snapshot second = MakeSnapshot("b");
  ASSERT_OK(Change(Forget({first.name})));
  const absl::Time right = clock_.Now();
  clock_.SetNow(right - absl::Hours(48));
  const auto prepared = Prepare(Forget({second.name}));
  ASSERT_OK_AND_ASSIGN(const Event event, DecodeEvent(prepared.event.payload));
  EXPECT_EQ(event.header.time, right);
  ASSERT_OK(
      catalog().CommitChange({}, Forget({second.name}), prepared.sequence));
  ASSERT_OK_AND_ASSIGN(const Snapshot read,
                       catalog().GetSnapshot({}, second.name));
  EXPECT_EQ(read.trash_time, right);
  EXPECT_EQ(read.trash_until, right + absl::Hours(24));
}

TEST_P(TrashContract, TimeZeroIsTrashToo) {
  const Snapshot first = MakeSnapshot("a");
  ASSERT_OK(Change(Forget({first.name}, absl::ZeroDuration())));
  ASSERT_OK_AND_ASSIGN(const Snapshot read,
                       catalog().GetSnapshot({}, first.name));
  EXPECT_EQ(read.trash_until, read.trash_time);
  ASSERT_OK(Change(Undelete({first.name})));
  ExpectCounts({first}, {});
}

TEST_P(TrashContract, AProtectedOneRefusesThemAll) {
  const Snapshot first = MakeSnapshot("a");
  const Snapshot second = MakeSnapshot("b");
  ASSERT_OK(Change(Protection(second.name, true)));
  const absl::Status refused = Change(Forget({first.name, second.name}));
  EXPECT_THAT(refused, HasReasonCode(reason::kSnapshotProtected));
  EXPECT_NE(refused.message().find(second.name.ToString()),
            std::string_view::npos);
  ExpectCounts({first, second}, {});
  ASSERT_OK(Change(Protection(second.name, false)));
  EXPECT_OK(Change(Forget({first.name, second.name})));
  EXPECT_THAT(Change(Protection(second.name, true)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(Change(UpdateSnapshotChange{
      .name = second.name, .notes = "in trash", .is_protected = std::nullopt}));
}

TEST_P(TrashContract, WhatWasNeverThereCannotBeTakenBack) {
  const Snapshot first = MakeSnapshot("a");
  ASSERT_OK(Change(Forget({first.name})));
  SnapshotName never = first.name;
  never.time += 1;
  const absl::Status refused = Change(Undelete({first.name, never}));
  EXPECT_THAT(refused, HasReasonCode(reason::kSnapshotGone));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kNotFound));
  ExpectCounts({}, {first});
}

TEST_P(TrashContract, ChangesOutOfBoundsAreRefused) {
  const Snapshot first = MakeSnapshot("a");
  SnapshotName elsewhere = first.name;
  elsewhere.group.parent.datastore = "other";
  const std::vector<CatalogChange> changes = {
      Forget({}),
      Forget(std::vector<SnapshotName>(1001, first.name)),
      Forget({first.name, first.name}),
      Forget({first.name, elsewhere}),
      Forget({first.name}, absl::Hours(24 * 3651)),
      Undelete({}),
      Undelete({first.name, first.name}),
      Undelete({elsewhere}),
      SnapshotsGoneChange{
          .datastore = "default", .names = {first.name}, .token = 1}};
  for (const CatalogChange& change : changes) {
    EXPECT_THAT(catalog().PrepareChange({}, change),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << change.index();
    EXPECT_THAT(catalog().CommitChange({}, change, 1),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << change.index();
  }
  ExpectCounts({first}, {});
}

TEST_P(TrashContract, ANamespaceHoldsWhatIsInItsTrash) {
  ASSERT_OK(Change(CreateNamespaceChange{Space("a"), ""}));
  const Snapshot first = MakeSnapshot("a", "a");
  ASSERT_OK(Change(Forget({first.name}, absl::ZeroDuration())));
  EXPECT_THAT(Change(DeleteNamespaceChange{Space("a")}),
              HasReasonCode(reason::kNotEmpty));
  ASSERT_OK(Change(Undelete({first.name})));
  ExpectCounts({first}, {});
}

TEST_P(TrashContract, BackupsGoOnAboveAndOverWhatIsInTrash) {
  const Snapshot first = MakeSnapshot("a");
  const Snapshot second = MakeSnapshot("a");
  ASSERT_OK(Change(Forget({second.name})));
  // Still strictly newer than any ever published.
  NewSession request = NewIn(TestGroup("a"));
  request.backup_time = second.name.time;
  EXPECT_THAT(sessions().OpenSession({}, request),
              HasReasonCode(reason::kSnapshotNotNewer));
  request = NewIn(TestGroup("a"));
  request.base = second.name;
  ASSERT_OK_AND_ASSIGN(const Snapshot third, BackUp(sessions(), request));
  EXPECT_EQ(GroupOf(third.name).last_snapshot_time, third.name.time);
  // An older one comes back below a newer one.
  ASSERT_OK(Change(Undelete({second.name})));
  EXPECT_EQ(GroupOf(third.name).last_snapshot_time, third.name.time);
  EXPECT_EQ(GroupOf(third.name).snapshot_count, 3u);
  // Down to the oldest, and to none.
  ASSERT_OK(Change(Forget({third.name, second.name})));
  EXPECT_EQ(GroupOf(third.name).last_snapshot_time, first.name.time);
  ASSERT_OK(Change(Forget({first.name})));
  EXPECT_EQ(GroupOf(third.name).last_snapshot_time, std::nullopt);
  ExpectCounts({}, {first, second, third});
}

TEST_P(TrashContract, OnlyTheHighestNumberCounts) {
  const Snapshot first = MakeSnapshot("a");
  const ForgetSnapshotsChange forget = Forget({first.name});
  const UndeleteSnapshotsChange undelete = Undelete({first.name});
  const uint64_t low = Prepare(forget).sequence;
  const uint64_t high = Prepare(undelete).sequence;
  ASSERT_OK(catalog().CommitChange({}, undelete, high));
  ASSERT_OK(catalog().CommitChange({}, forget, low));
  ExpectCounts({first}, {});
  const uint64_t next = Prepare(forget).sequence;
  ASSERT_OK(catalog().CommitChange({}, forget, next));
  ASSERT_OK(catalog().CommitChange({}, forget, next));
  ASSERT_OK(catalog().CommitChange({}, undelete, high));
  ExpectCounts({}, {first});
}

TEST_P(TrashContract, ProtectionWinsOverAForgetThatIsOnItsWay) {
  for (const bool forget_is_lower : {true, false}) {
    for (const bool forget_is_first : {true, false}) {
      const Snapshot one = MakeSnapshot("a");
      const Snapshot other = MakeSnapshot("b");
      const ForgetSnapshotsChange forget = Forget({one.name, other.name});
      const UpdateSnapshotChange protect = Protection(one.name, true);
      uint64_t forgets = 0;
      if (forget_is_lower) forgets = Prepare(forget).sequence;
      const uint64_t protects = Prepare(protect).sequence;
      if (!forget_is_lower) forgets = Prepare(forget).sequence;
      if (!forget_is_first) {
        ASSERT_OK(catalog().CommitChange({}, protect, protects));
      }
      ASSERT_OK(catalog().CommitChange({}, forget, forgets));
      if (forget_is_first) {
        ASSERT_OK(catalog().CommitChange({}, protect, protects));
      }
      ASSERT_OK_AND_ASSIGN(const Snapshot read,
                           catalog().GetSnapshot({}, one.name));
      EXPECT_EQ(read.state, SnapshotState::kListed);
      EXPECT_TRUE(read.is_protected);
      EXPECT_EQ(GroupOf(one.name).last_snapshot_time, one.name.time);
      ASSERT_OK_AND_ASSIGN(const Snapshot gone,
                           catalog().GetSnapshot({}, other.name));
      EXPECT_EQ(gone.state, SnapshotState::kTrash);
    }
  }
}

}  // namespace cairn
