// Pages of lists against naive models, over random trees, while others write.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

constexpr const char* kPaths[] = {"", "a", "a/b", "a/b/c", "a-b", "b", "b/a"};

class ListPagingTest : public ::testing::Test {
 protected:
  ListPagingTest() : random_(TestSeed()) {}

  void SetUp() override {
    std::mt19937_64 random(1);
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         index_->client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
    for (const char* path : kPaths) AddNamespace(path);
  }

  void AddNamespace(const std::string& path) {
    if (path.empty()) return;
    IndexBatch batch(ref_.uuid);
    batch.PutNamespace(*NamespacePath::Parse(path), {.sequence = 1});
    ASSERT_OK(IndexStore(&index_->kv()).Commit(batch, Durability::kBuffered));
  }

  // Rows as a publish leaves them, without the cost of one.
  void AddSnapshot(const SnapshotName& name) {
    IndexStore store(&index_->kv());
    const IndexView view = store.NewView(ref_.uuid);
    ASSERT_OK_AND_ASSIGN(auto known, view.GetGroup(name.group));
    GroupRow group = known.value_or(GroupRow{.owner = "ann@tls"});
    group.newest_time = std::max(group.newest_time, name.time);
    group.newest_listed_time = group.newest_time;
    ++group.listed_count;
    SnapshotRow row;
    row.archives.resize(1);
    row.archives[0].name = "a.img";
    row.session.bytes[0] = 1;
    row.sequence = 1;
    row.is_protected = IsProtected(name);
    IndexBatch batch(ref_.uuid);
    batch.PutGroup(name.group, group);
    batch.PutSnapshot(name, row);
    ASSERT_OK(store.Commit(batch, Durability::kBuffered));
    all_.insert({Key(name), name});
  }
  static bool IsProtected(const SnapshotName& name) {
    return name.time % 3 == 0;
  }

  using Order =
      std::tuple<std::vector<std::string>, std::string, std::string, int64_t>;
  static Order Key(const SnapshotName& name) {
    return {name.group.parent.path.components,
            std::string(BackupTypeName(name.group.type)), name.group.id,
            name.time};
  }

  SnapshotName SomeSnapshot() {
    SnapshotName name;
    name.group = TestGroup(std::to_string(random_() % 4),
                           kPaths[random_() % std::size(kPaths)]);
    name.group.type = static_cast<BackupType>(1 + random_() % 3);
    // Dense runs and gaps of years.
    name.time =
        static_cast<int64_t>(1 + random_() % 30 + 1000000000 * (random_() % 2));
    return name;
  }

  SnapshotQuery SomeQuery() {
    SnapshotQuery query;
    query.parent = TestGroup("x", kPaths[random_() % std::size(kPaths)]).parent;
    if (random_() % 3 == 0) {
      query.group = SomeSnapshot().group;
      query.parent = query.group->parent;
    }
    query.max_depth = static_cast<uint32_t>(random_() % 4);
    if (random_() % 3 == 0) {
      query.type = static_cast<BackupType>(1 + random_() % 3);
    }
    if (random_() % 3 == 0) query.not_before = 1 + random_() % 30;
    if (random_() % 3 == 0) query.before = 1 + random_() % 1000000020;
    query.protected_only = random_() % 3 == 0;
    query.newest_first = random_() % 2 == 0;
    return query;
  }

  bool Matches(const SnapshotQuery& query, const SnapshotName& name) const {
    const NamespacePath& path = name.group.parent.path;
    if (query.group.has_value() && name.group != *query.group) return false;
    const size_t depth = query.group.has_value() ? 0 : query.max_depth;
    return path.IsSameOrBelow(query.parent.path) &&
           path.components.size() <=
               query.parent.path.components.size() + depth &&
           (!query.type.has_value() || name.group.type == *query.type) &&
           name.time >= query.not_before.value_or(0) &&
           name.time < query.before.value_or(kMaxSnapshotTime + 1) &&
           (!query.protected_only || IsProtected(name));
  }

  std::vector<SnapshotName> Expected(const SnapshotQuery& query) const {
    std::vector<SnapshotName> expected;
    for (const auto& [key, name] : all_) {
      if (Matches(query, name)) expected.push_back(name);
    }
    if (!query.newest_first) return expected;
    // Newest first within each group.
    auto begin = expected.begin();
    while (begin != expected.end()) {
      const auto end = std::find_if(begin, expected.end(), [&](const auto& s) {
        return s.group != begin->group;
      });
      std::reverse(begin, end);
      begin = end;
    }
    return expected;
  }

  // All pages of `query`; `between` runs after each.
  std::vector<SnapshotName> ListAll(const SnapshotQuery& query,
                                    const std::function<void()>& between) {
    std::vector<SnapshotName> names;
    PageRequest request;
    do {
      request.page_size = static_cast<uint32_t>(1 + random_() % 7);
      auto page = index_->client().ListSnapshots({}, query, request);
      EXPECT_OK(page);
      if (!page.ok()) break;
      EXPECT_LE(page->items.size(), request.page_size);
      for (const Snapshot& snapshot : page->items) {
        EXPECT_EQ(snapshot.owner, "ann@tls");
        names.push_back(snapshot.name);
      }
      request.page_token = page->next_page_token;
      between();
    } while (!request.page_token.empty());
    return names;
  }

  FakeClock clock_;
  std::mt19937_64 random_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
  std::map<Order, SnapshotName> all_;
};

TEST_F(ListPagingTest, SnapshotsAreListedOnceEachInOrder) {
  for (int i = 0; i < 300; ++i) AddSnapshot(SomeSnapshot());
  for (int i = 0; i < 200; ++i) {
    const SnapshotQuery query = SomeQuery();
    EXPECT_EQ(ListAll(query, [] {}), Expected(query));
  }
}

TEST_F(ListPagingTest, WhatStandsAllTheTimeIsListedOnceWhileOthersAreAdded) {
  for (int i = 0; i < 100; ++i) AddSnapshot(SomeSnapshot());
  for (int i = 0; i < 50; ++i) {
    const SnapshotQuery query = SomeQuery();
    const std::vector<SnapshotName> standing = Expected(query);
    const std::vector<SnapshotName> listed =
        ListAll(query, [&] { AddSnapshot(SomeSnapshot()); });
    EXPECT_EQ(std::set(listed.begin(), listed.end()).size(), listed.size());
    for (const SnapshotName& name : standing) {
      EXPECT_EQ(std::count(listed.begin(), listed.end(), name), 1)
          << name.ToString();
    }
    const std::vector<SnapshotName> now = Expected(query);
    for (const SnapshotName& name : listed) {
      EXPECT_EQ(std::count(now.begin(), now.end(), name), 1);
    }
  }
}

TEST_F(ListPagingTest, GroupsAreListedOnceEachInOrder) {
  for (int i = 0; i < 200; ++i) AddSnapshot(SomeSnapshot());
  for (int i = 0; i < 100; ++i) {
    GroupQuery query;
    query.parent = TestGroup("x", kPaths[random_() % std::size(kPaths)]).parent;
    query.max_depth = static_cast<uint32_t>(random_() % 4);
    if (random_() % 3 == 0) {
      query.type = static_cast<BackupType>(1 + random_() % 3);
    }
    std::vector<GroupName> expected;
    for (const auto& [key, name] : all_) {
      if (Matches({.parent = query.parent,
                   .max_depth = query.max_depth,
                   .type = query.type},
                  name) &&
          (expected.empty() || expected.back() != name.group)) {
        expected.push_back(name.group);
      }
    }
    std::vector<GroupName> listed;
    PageRequest request;
    do {
      request.page_size = static_cast<uint32_t>(1 + random_() % 5);
      ASSERT_OK_AND_ASSIGN(auto page,
                           index_->client().ListGroups({}, query, request));
      for (const Group& group : page.items) listed.push_back(group.name);
      request.page_token = page.next_page_token;
    } while (!request.page_token.empty());
    EXPECT_EQ(listed, expected);
  }
}

TEST_F(ListPagingTest, PageSizesAreCoerced) {
  for (int i = 0; i < 1200; ++i) {
    AddSnapshot({.group = TestGroup("many"), .time = 1 + i});
  }
  const SnapshotQuery query{.parent = TestGroup("many").parent};
  for (const auto& [asked, given] :
       {std::pair(0u, 100u), {1u, 1u}, {1000u, 1000u}, {5000u, 1000u}}) {
    ASSERT_OK_AND_ASSIGN(
        const auto page,
        index_->client().ListSnapshots({}, query,
                                       {.page_size = asked, .page_token = ""}));
    EXPECT_EQ(page.items.size(), given);
  }
}

TEST_F(ListPagingTest, PagesAreBoundedByBytesToo) {
  constexpr int kCount = 60;
  for (const bool newest_first : {false, true}) {
    for (int i = 0; i < kCount; ++i) {
      const SnapshotName name{.group = TestGroup("big"), .time = 1 + i};
      AddSnapshot(name);
      IndexStore store(&index_->kv());
      ASSERT_OK_AND_ASSIGN(auto row,
                           store.NewView(ref_.uuid).GetSnapshot(name));
      row->notes = std::string(kMaxNotesBytes, 'n');
      IndexBatch batch(ref_.uuid);
      batch.PutSnapshot(name, *row);
      ASSERT_OK(store.Commit(batch, Durability::kBuffered));
    }
    SnapshotQuery query{.parent = TestGroup("big").parent};
    query.newest_first = newest_first;
    PageRequest request{.page_size = 1000, .page_token = ""};
    int listed = 0;
    do {
      ASSERT_OK_AND_ASSIGN(const auto page,
                           index_->client().ListSnapshots({}, query, request));
      size_t bytes = 0;
      for (const Snapshot& snapshot : page.items)
        bytes += snapshot.notes.size();
      EXPECT_LE(bytes, (size_t{2} << 20) + kMaxNotesBytes);
      EXPECT_FALSE(page.items.empty());
      listed += static_cast<int>(page.items.size());
      request.page_token = page.next_page_token;
    } while (!request.page_token.empty());
    EXPECT_EQ(listed, kCount);
  }
}

TEST_F(ListPagingTest, GarbledTokensAreRefusedInEveryList) {
  for (int i = 0; i < 20; ++i) AddSnapshot(SomeSnapshot());
  const PageRequest first{.page_size = 1, .page_token = ""};
  SnapshotQuery query{.parent = TestGroup("x").parent, .max_depth = 8};
  for (const bool newest_first : {false, true}) {
    query.newest_first = newest_first;
    ASSERT_OK_AND_ASSIGN(const auto page,
                         index_->client().ListSnapshots({}, query, first));
    for (int i = 0; i < 200; ++i) {
      std::string token = page.next_page_token;
      token[random_() % token.size()] = static_cast<char>(random_());
      if (token == page.next_page_token) continue;
      EXPECT_THAT(index_->client().ListSnapshots(
                      {}, query, {.page_size = 1, .page_token = token}),
                  HasReasonCode(reason::kPageTokenInvalid));
    }
  }
}

TEST_F(ListPagingTest, DamagedRowsAreErrorsThatNameThem) {
  AddSnapshot({.group = TestGroup("web1"), .time = 5});
  KvBatch batch;
  const auto cursor = index_->kv().NewView()->Scan(
      static_cast<KvTable>(Table::kSnapshots), "", "");
  ASSERT_TRUE(cursor->Valid());
  batch.Put(static_cast<KvTable>(Table::kSnapshots), std::string(cursor->key()),
            "garbage");
  ASSERT_OK(index_->kv().Commit(batch, Durability::kSynced));
  for (const bool newest_first : {false, true}) {
    SnapshotQuery query{.parent = TestGroup("x").parent};
    query.newest_first = newest_first;
    const auto page = index_->client().ListSnapshots({}, query, {});
    EXPECT_THAT(page, StatusIs(absl::StatusCode::kDataLoss,
                               ::testing::HasSubstr("table snapshots, key")));
    EXPECT_THAT(std::string(page.status().message()),
                ::testing::HasSubstr("web1"));
  }
}

}  // namespace
}  // namespace cairn::index
