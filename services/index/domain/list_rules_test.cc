#include "services/index/domain/list_rules.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/model/names.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"
#include "services/index/domain/catalog_keys.h"

namespace cairn::index {
namespace {

constexpr const char* kPaths[] = {"",    "a",     "a/b",   "a/b/c",
                                  "a/c", "a-b",   "a-b/c", "b",
                                  "b/a", "b/a/a", "b/a/b", "c/c/c"};

std::vector<GroupName> AllGroups() {
  std::vector<GroupName> groups;
  for (const char* path : kPaths) {
    for (const BackupType type :
         {BackupType::kCt, BackupType::kHost, BackupType::kVm}) {
      for (const char* id : {"1", "2"}) {
        groups.push_back({.parent = {.datastore = "any",
                                     .path = *NamespacePath::Parse(path)},
                          .type = type,
                          .id = id});
      }
    }
  }
  return groups;
}

// Walks `keys` as a list does and returns what was taken; counts the keys
// that were looked at.
template <typename T, typename Judge>
std::vector<T> Walk(const std::map<std::string, T>& keys,
                    const std::string& prefix, Judge judge, int& looked_at) {
  std::vector<T> taken;
  auto next = keys.lower_bound(prefix);
  while (next != keys.end() && next->first.starts_with(prefix)) {
    ++looked_at;
    const WalkStep step = judge(next->second);
    if (step.take) {
      taken.push_back(next->second);
      ++next;
    } else {
      EXPECT_GT(step.go_to, next->first);
      next = keys.lower_bound(step.go_to);
    }
  }
  return taken;
}

TEST(ListRulesTest, GroupWalkTakesExactlyWhatTheQueryShows) {
  const Uuid uuid = {};
  std::map<std::string, GroupName> keys;
  for (const GroupName& group : AllGroups()) {
    keys.emplace(GroupKey(uuid, group), group);
  }
  for (const char* parent : {"", "a", "a/b", "b", "c"}) {
    for (uint32_t depth = 0; depth < 5; ++depth) {
      for (const int type : {0, 1, 2, 3}) {
        TreeQuery query{.datastore = uuid,
                        .parent = *NamespacePath::Parse(parent),
                        .max_depth = depth,
                        .type = std::nullopt};
        if (type != 0) query.type = static_cast<BackupType>(type);
        std::vector<GroupName> expected;
        for (const auto& [key, group] : keys) {
          const auto& path = group.parent.path;
          if (path.IsSameOrBelow(query.parent) &&
              path.components.size() <=
                  query.parent.components.size() + depth &&
              (type == 0 || group.type == *query.type)) {
            expected.push_back(group);
          }
        }
        int looked_at = 0;
        EXPECT_EQ(Walk(
                      keys, NamespaceKey(uuid, query.parent),
                      [&](const GroupName& group) {
                        return JudgeGroup(query, group.parent.path, group.type);
                      },
                      looked_at),
                  expected)
            << parent << " depth " << depth << " type " << type;
      }
    }
  }
}

TEST(ListRulesTest, GroupWalkStepsOverASubtreeThatIsTooDeepAtOnce) {
  const Uuid uuid = {};
  std::map<std::string, GroupName> keys;
  for (int i = 0; i < 1000; ++i) {
    const GroupName group{.parent = {.datastore = "any", .path = {{"a", "b"}}},
                          .type = BackupType::kVm,
                          .id = std::to_string(i)};
    keys.emplace(GroupKey(uuid, group), group);
  }
  const TreeQuery query{
      .datastore = uuid, .parent = {}, .max_depth = 1, .type = std::nullopt};
  int looked_at = 0;
  EXPECT_TRUE(Walk(
                  keys, NamespaceKey(uuid, {}),
                  [&](const GroupName& group) {
                    return JudgeGroup(query, group.parent.path, group.type);
                  },
                  looked_at)
                  .empty());
  EXPECT_EQ(looked_at, 1);
}

TEST(ListRulesTest, NamespaceWalkTakesExactlyWhatTheQueryShows) {
  const Uuid uuid = {};
  std::map<std::string, NamespacePath> keys;
  for (const char* text : kPaths) {
    const NamespacePath path = *NamespacePath::Parse(text);
    if (!path.is_root()) keys.emplace(NamespaceKey(uuid, path), path);
  }
  for (const char* parent : {"", "a", "b"}) {
    for (uint32_t depth = 0; depth < 4; ++depth) {
      const TreeQuery query{.datastore = uuid,
                            .parent = *NamespacePath::Parse(parent),
                            .max_depth = depth,
                            .type = std::nullopt};
      std::vector<NamespacePath> expected;
      for (const auto& [key, path] : keys) {
        if (path.IsSameOrBelow(query.parent) &&
            (depth == 0 || path.components.size() <=
                               query.parent.components.size() + depth)) {
          expected.push_back(path);
        }
      }
      int looked_at = 0;
      EXPECT_EQ(Walk(
                    keys, NamespaceKey(uuid, query.parent),
                    [&](const NamespacePath& path) {
                      return JudgeNamespace(query, path);
                    },
                    looked_at),
                expected)
          << parent << " depth " << depth;
    }
  }
}

}  // namespace
}  // namespace cairn::index
