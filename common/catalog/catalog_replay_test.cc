#include "common/catalog/catalog_replay.h"

#include <algorithm>
#include <functional>
#include <random>
#include <vector>

#include "common/testing/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

const DatastoreRef kDatastore = {.uuid = {{1}}, .generation = 1};

Digest DigestOf(uint64_t number) {
  Digest digest;
  for (size_t i = 0; i < 8; ++i) digest.bytes[i] = number >> (8 * i);
  return digest;
}

GroupName Group(const std::string& id, NamespacePath path = {}) {
  return {.parent = {.datastore = "main", .path = std::move(path)},
          .type = BackupType::kHost,
          .id = id};
}

// Records of one datastore, added in an order that the seed chooses, and some
// of them twice: no test may depend on it.
class CatalogReplayTest : public ::testing::Test {
 protected:
  CatalogReplayTest() : random_(TestSeed()) {}

  // The record's digest is that of `sequence` and `generation`.
  Digest Publish(uint64_t sequence, const SnapshotName& name,
                 std::string incomplete = "", uint64_t generation = 1) {
    Manifest manifest;
    manifest.datastore = kDatastore;
    manifest.datastore.generation = generation;
    manifest.sequence = sequence;
    manifest.snapshot = name;
    manifest.owner = "owner@unix";
    manifest.notes = "published";
    manifest.epoch = sequence;
    manifest.publish_time = absl::FromUnixSeconds(1000 + sequence);
    const Digest digest = DigestOf(sequence + (generation << 32));
    adds_.push_back([=](CatalogReplay& replay) {
      replay.Add(digest, manifest, incomplete);
    });
    return digest;
  }
  void Change(uint64_t sequence, CatalogChange change) {
    const Event event = {
        .header = {.datastore = kDatastore,
                   .sequence = sequence,
                   .time = absl::FromUnixSeconds(1000 + sequence),
                   .principal = "root@unix"},
        .change = std::move(change)};
    adds_.push_back(
        [=](CatalogReplay& replay) { replay.Add(DigestOf(sequence), event); });
  }
  void Forget(uint64_t sequence, std::vector<SnapshotName> names) {
    Change(sequence, ForgetSnapshotsChange{.datastore = "main",
                                           .names = std::move(names),
                                           .trash_time = absl::Hours(24)});
  }
  void Gone(uint64_t sequence, std::vector<SnapshotName> names) {
    Change(sequence,
           SnapshotsGoneChange{
               .datastore = "main", .names = std::move(names), .token = 1});
  }
  void CreateNamespace(uint64_t sequence, NamespacePath path,
                       std::string comment = "") {
    Change(sequence, CreateNamespaceChange{.name = {.path = std::move(path)},
                                           .comment = std::move(comment)});
  }
  void DeleteNamespace(uint64_t sequence, NamespacePath path) {
    Change(sequence, DeleteNamespaceChange{.name = {.path = std::move(path)}});
  }

  ReplayedCatalog Replay() {
    std::shuffle(adds_.begin(), adds_.end(), random_);
    CatalogReplay replay;
    for (const auto& add : adds_) {
      add(replay);
      if (random_() % 4 == 0) add(replay);
    }
    return std::move(replay).Finish();
  }

 private:
  std::mt19937_64 random_;
  std::vector<std::function<void(CatalogReplay&)>> adds_;
};

TEST_F(CatalogReplayTest, OfNothingIsNothing) {
  const ReplayedCatalog catalog = Replay();
  EXPECT_EQ(catalog.name, "");
  EXPECT_FALSE(catalog.create_time.has_value());
  EXPECT_TRUE(catalog.groups.empty());
}

TEST_F(CatalogReplayTest, TheDatastoreIsCalledAsItWasCreated) {
  Change(1, CreateDatastoreChange{
                .datastore = "main", .uuid = kDatastore.uuid, .comment = "c"});
  Publish(2, {.group = Group("a"), .time = 10});
  const ReplayedCatalog catalog = Replay();
  EXPECT_EQ(catalog.name, "main");
  EXPECT_EQ(catalog.comment, "c");
  EXPECT_EQ(catalog.create_time, absl::FromUnixSeconds(1001));
  EXPECT_EQ(catalog.highest_sequence, 2u);
  EXPECT_EQ(catalog.highest_epoch, 2u);
}

TEST_F(CatalogReplayTest, WithoutItsCreationTheNewestNameHolds) {
  GroupName old = Group("a");
  old.parent.datastore = "before";
  Publish(2, {.group = old, .time = 10});
  Publish(3, {.group = Group("a"), .time = 11});
  const ReplayedCatalog catalog = Replay();
  EXPECT_EQ(catalog.name, "main");
  ASSERT_EQ(catalog.snapshots.size(), 2u);
  EXPECT_EQ(catalog.snapshots.begin()->first.group, Group("a"));
}

TEST_F(CatalogReplayTest, FieldsGoByTheHighestSequence) {
  const SnapshotName name = {.group = Group("a"), .time = 10};
  Publish(2, name);
  Publish(3, {.group = Group("a"), .time = 12});
  Change(4, UpdateSnapshotChange{
                .name = name, .notes = "first", .is_protected = true});
  Change(6, UpdateSnapshotChange{.name = name, .is_protected = false});
  Change(5, UpdateSnapshotChange{.name = name, .notes = "second"});
  Change(7, UpdateGroupChange{.name = Group("a"), .owner = "new@unix"});
  Change(8, UpdateGroupChange{.name = Group("a"), .notes = "group"});
  const ReplayedCatalog catalog = Replay();
  const ReplayedSnapshot& snapshot = catalog.snapshots.at(name);
  EXPECT_EQ(snapshot.notes, "second");
  EXPECT_EQ(snapshot.notes_sequence, 5u);
  EXPECT_FALSE(snapshot.is_protected);
  EXPECT_EQ(snapshot.protected_sequence, 6u);
  const ReplayedGroup& group = catalog.groups.at(Group("a"));
  EXPECT_EQ(group.owner, "new@unix");
  EXPECT_EQ(group.owner_sequence, 7u);
  EXPECT_EQ(group.notes, "group");
  EXPECT_EQ(group.notes_sequence, 8u);
  EXPECT_EQ(group.create_time, absl::FromUnixSeconds(1002));
  EXPECT_EQ(group.newest_time, 12);
  EXPECT_EQ(group.newest_listed_time, 12);
  EXPECT_EQ(group.listed_count, 2u);
  const ReplayedSnapshot& other =
      catalog.snapshots.at({.group = Group("a"), .time = 12});
  EXPECT_EQ(other.notes, "published");
  EXPECT_EQ(other.notes_sequence, 0u);
}

TEST_F(CatalogReplayTest, ARefusedPublishIsNotListed) {
  const SnapshotName name = {.group = Group("a"), .time = 10};
  const Digest refused = Publish(2, name);
  Change(3, RefusedPublishChange{
                .name = name, .session = {{5}}, .manifest = refused});
  const ReplayedCatalog catalog = Replay();
  EXPECT_TRUE(catalog.snapshots.empty());
  EXPECT_TRUE(catalog.groups.empty());
  EXPECT_TRUE(catalog.passed_over.empty());
  EXPECT_EQ(catalog.cancelled, 1u);
  EXPECT_EQ(catalog.highest_sequence, 3u);
}

TEST_F(CatalogReplayTest, OfTwoWithOneNameTheHigherSequenceIsListed) {
  const SnapshotName name = {.group = Group("a"), .time = 10};
  Publish(2, name);
  // About the first one.
  Change(3, UpdateSnapshotChange{.name = name, .is_protected = true});
  const Digest second = Publish(4, name, "", /*generation=*/2);
  const ReplayedCatalog catalog = Replay();
  ASSERT_EQ(catalog.snapshots.size(), 1u);
  EXPECT_EQ(catalog.snapshots.at(name).digest, second);
  EXPECT_FALSE(catalog.snapshots.at(name).is_protected);
  ASSERT_EQ(catalog.passed_over.size(), 1u);
  EXPECT_EQ(catalog.passed_over[0].sequence, 2u);
  EXPECT_EQ(catalog.passed_over[0].why, "");
  EXPECT_EQ(catalog.highest_generation, 2u);
  EXPECT_EQ(catalog.groups.at(Group("a")).listed_count, 1u);
}

TEST_F(CatalogReplayTest, EqualSequencesGoByGeneration) {
  const SnapshotName name = {.group = Group("a"), .time = 10};
  const Digest newer = Publish(2, name, "", /*generation=*/2);
  Publish(2, name, "", /*generation=*/1);
  EXPECT_EQ(Replay().snapshots.at(name).digest, newer);
}

TEST_F(CatalogReplayTest, AnIncompleteOneKeepsItsGroupAndIsNamed) {
  const SnapshotName name = {.group = Group("a"), .time = 10};
  Publish(2, name, "a page is lost");
  const ReplayedCatalog catalog = Replay();
  EXPECT_TRUE(catalog.snapshots.empty());
  EXPECT_EQ(catalog.groups.at(Group("a")).owner, "owner@unix");
  EXPECT_EQ(catalog.groups.at(Group("a")).newest_time, 10);
  EXPECT_EQ(catalog.groups.at(Group("a")).listed_count, 0u);
  ASSERT_EQ(catalog.passed_over.size(), 1u);
  EXPECT_EQ(catalog.passed_over[0].name, name);
  EXPECT_EQ(catalog.passed_over[0].why, "a page is lost");
}

TEST_F(CatalogReplayTest, WhatIsForgottenIsInTrashUntilItIsTakenBack) {
  const SnapshotName kept = {.group = Group("a"), .time = 10};
  const SnapshotName forgotten = {.group = Group("a"), .time = 12};
  const SnapshotName back = {.group = Group("b"), .time = 12};
  Publish(2, kept);
  Publish(3, forgotten);
  Publish(4, back);
  Forget(5, {forgotten, back});
  Change(6, UndeleteSnapshotsChange{.datastore = "main", .names = {back}});
  const ReplayedCatalog catalog = Replay();
  ASSERT_EQ(catalog.snapshots.size(), 3u);
  const ReplayedSnapshot& trash = catalog.snapshots.at(forgotten);
  EXPECT_EQ(trash.state, SnapshotState::kTrash);
  EXPECT_EQ(trash.trash_time, absl::FromUnixSeconds(1005));
  EXPECT_EQ(trash.trash_until, absl::FromUnixSeconds(1005) + absl::Hours(24));
  EXPECT_EQ(trash.state_sequence, 5u);
  EXPECT_EQ(catalog.snapshots.at(back).state, SnapshotState::kListed);
  EXPECT_EQ(catalog.snapshots.at(back).trash_until, absl::Time());
  EXPECT_EQ(catalog.groups.at(Group("a")).listed_count, 1u);
  EXPECT_EQ(catalog.groups.at(Group("a")).newest_listed_time, 10);
  EXPECT_EQ(catalog.groups.at(Group("a")).newest_time, 12);
  EXPECT_EQ(catalog.groups.at(Group("b")).listed_count, 1u);
}

TEST_F(CatalogReplayTest, WhatIsProtectedIsNotForgotten) {
  const SnapshotName before = {.group = Group("a"), .time = 10};
  const SnapshotName after = {.group = Group("a"), .time = 11};
  const SnapshotName other = {.group = Group("a"), .time = 12};
  Publish(2, before);
  Publish(3, after);
  Publish(4, other);
  Change(5, UpdateSnapshotChange{.name = before, .is_protected = true});
  Forget(6, {before, after, other});
  Change(7, UpdateSnapshotChange{.name = after, .is_protected = true});
  const ReplayedCatalog catalog = Replay();
  EXPECT_EQ(catalog.snapshots.at(before).state, SnapshotState::kListed);
  EXPECT_EQ(catalog.snapshots.at(after).state, SnapshotState::kListed);
  EXPECT_EQ(catalog.snapshots.at(other).state, SnapshotState::kTrash);
}

TEST_F(CatalogReplayTest, WhatIsGoneIsNotThereAndNoLoss) {
  const SnapshotName kept = {.group = Group("a"), .time = 10};
  const SnapshotName gone = {.group = Group("a"), .time = 12};
  const SnapshotName swept = {.group = Group("a"), .time = 13};
  const SnapshotName dropped = {.group = Group("a"), .time = 14};
  Publish(2, kept);
  Publish(3, gone);
  Publish(4, swept, "its pages are swept");
  // The manifest of `dropped` was swept too.
  Forget(6, {gone, swept, dropped});
  Gone(7, {gone, swept, dropped});
  // Prepared before, committed by nobody: gone is the end.
  Change(8, UndeleteSnapshotsChange{.datastore = "main", .names = {gone}});
  const ReplayedCatalog catalog = Replay();
  ASSERT_EQ(catalog.snapshots.size(), 1u);
  EXPECT_EQ(catalog.snapshots.begin()->first, kept);
  EXPECT_TRUE(catalog.passed_over.empty());
  const ReplayedGroup& group = catalog.groups.at(Group("a"));
  EXPECT_EQ(group.listed_count, 1u);
  EXPECT_EQ(group.newest_listed_time, 10);
  EXPECT_EQ(group.newest_time, 14) << "no name is used again";
}

TEST_F(CatalogReplayTest, AGroupGoesWithItsLastSnapshot) {
  const NamespacePath path{{"n"}};
  const SnapshotName gone = {.group = Group("a", path), .time = 12};
  CreateNamespace(2, path);
  Publish(3, gone);
  Change(4, UpdateGroupChange{
                .name = Group("a", path), .owner = "o", .notes = "old"});
  Forget(5, {gone});
  Gone(6, {gone});
  {
    const ReplayedCatalog catalog = Replay();
    EXPECT_TRUE(catalog.groups.empty());
    EXPECT_EQ(catalog.namespaces.size(), 1u);
  }
  DeleteNamespace(7, path);
  EXPECT_TRUE(Replay().namespaces.empty());
  // The same name again is another group's.
  CreateNamespace(8, path);
  Publish(9, {.group = Group("a", path), .time = 20});
  const ReplayedCatalog catalog = Replay();
  ASSERT_EQ(catalog.groups.size(), 1u);
  EXPECT_EQ(catalog.groups.at(Group("a", path)).owner, "owner@unix");
  EXPECT_EQ(catalog.groups.at(Group("a", path)).notes, "");
  EXPECT_EQ(catalog.snapshots.size(), 1u);
}

TEST_F(CatalogReplayTest, AnEventIsAboutWhatWasPublishedBeforeIt) {
  const SnapshotName name = {.group = Group("a"), .time = 12};
  Publish(2, name);
  Forget(3, {name});
  Gone(4, {name});
  Publish(5, name, "", /*generation=*/2);
  const ReplayedCatalog catalog = Replay();
  EXPECT_EQ(catalog.snapshots.at(name).state, SnapshotState::kListed);
  EXPECT_EQ(catalog.groups.at(Group("a")).listed_count, 1u);
}

TEST_F(CatalogReplayTest, NamespacesComeAndGo) {
  CreateNamespace(2, {{"a"}}, "first");
  CreateNamespace(3, {{"a", "b"}});
  DeleteNamespace(4, {{"a", "b"}});
  DeleteNamespace(5, {{"a"}});
  CreateNamespace(6, {{"a"}}, "second");
  CreateNamespace(7, {{"c"}});
  const ReplayedCatalog catalog = Replay();
  ASSERT_EQ(catalog.namespaces.size(), 2u);
  EXPECT_EQ(catalog.namespaces.at({{"a"}}).comment, "second");
  EXPECT_EQ(catalog.namespaces.at({{"a"}}).sequence, 6u);
  EXPECT_EQ(catalog.namespace_delete_sequence, 5u);
}

// Index refuses these at the commit; the events stay in the packs.
TEST_F(CatalogReplayTest, WhatHoldsSomethingIsNotDeleted) {
  CreateNamespace(2, {{"a"}});
  CreateNamespace(3, {{"a", "b"}});
  CreateNamespace(4, {{"a-b"}});
  Publish(5, {.group = Group("x", {{"a", "b"}}), .time = 10});
  DeleteNamespace(6, {{"a", "b"}});
  DeleteNamespace(7, {{"a"}});
  DeleteNamespace(8, {{"a-b"}});
  const ReplayedCatalog catalog = Replay();
  EXPECT_TRUE(catalog.namespaces.contains({{"a"}}));
  EXPECT_TRUE(catalog.namespaces.contains({{"a", "b"}}));
  EXPECT_FALSE(catalog.namespaces.contains({{"a-b"}}));
}

// A deletion that was prepared before a publish and committed never; and a
// creation that is lost.
TEST_F(CatalogReplayTest, EverySnapshotHasItsNamespace) {
  CreateNamespace(2, {{"a"}}, "kept");
  DeleteNamespace(3, {{"a"}});
  Publish(4, {.group = Group("x", {{"a"}}), .time = 10});
  Publish(5, {.group = Group("y", {{"lost", "too"}}), .time = 10});
  const ReplayedCatalog catalog = Replay();
  EXPECT_EQ(catalog.namespaces.at({{"a"}}).comment, "kept");
  EXPECT_TRUE(catalog.namespaces.contains({{"lost"}}));
  EXPECT_TRUE(catalog.namespaces.contains({{"lost", "too"}}));
}

}  // namespace
}  // namespace cairn
