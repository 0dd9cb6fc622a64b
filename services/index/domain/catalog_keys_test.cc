#include "services/index/domain/catalog_keys.h"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/uuid.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

Uuid SomeUuid(uint8_t last) {
  Uuid uuid;
  uuid.bytes.fill(0xff);
  uuid.bytes[15] = last;
  return uuid;
}

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

// Names that are each other's prefixes and hold the lowest and the highest
// characters allowed: where a key codec goes wrong.
std::string SomeComponent(std::mt19937_64& random) {
  static constexpr std::string_view kFirst = "0Aa_z";
  static constexpr std::string_view kLater = "-.0Aa_z";
  std::string text(1, kFirst[random() % kFirst.size()]);
  while (random() % 2 == 0) text += kLater[random() % kLater.size()];
  return text;
}

SnapshotName SomeSnapshot(std::mt19937_64& random) {
  SnapshotName name;
  name.group.parent.datastore = "any";
  while (name.group.parent.path.components.size() < 7 && random() % 3 != 0) {
    name.group.parent.path.components.push_back(SomeComponent(random));
  }
  name.group.type = static_cast<BackupType>(1 + random() % 3);
  name.group.id = SomeComponent(random);
  name.time = 1 + static_cast<int64_t>(random() % 1000) *
                      static_cast<int64_t>(random() % 10000000);
  return name;
}

// The order that keys promise, said in another way.
auto Order(const SnapshotName& name) {
  return std::tuple(name.group.parent.path.components,
                    std::string(BackupTypeName(name.group.type)), name.group.id,
                    name.time);
}

TEST(CatalogKeysTest, SnapshotKeysSortAsNamesDo) {
  std::mt19937_64 random(TestSeed());
  std::vector<SnapshotName> names;
  for (int i = 0; i < 2000; ++i) names.push_back(SomeSnapshot(random));
  const Uuid uuid = SomeUuid(1);
  for (size_t i = 1; i < names.size(); ++i) {
    const SnapshotName& a = names[i - 1];
    const SnapshotName& b = names[i];
    EXPECT_EQ(Order(a) < Order(b), SnapshotKey(uuid, a) < SnapshotKey(uuid, b))
        << a.ToString() << " and " << b.ToString();
  }
}

TEST(CatalogKeysTest, KeysParseBack) {
  std::mt19937_64 random(TestSeed());
  const Uuid uuid = SomeUuid(1);
  for (int i = 0; i < 2000; ++i) {
    const SnapshotName name = SomeSnapshot(random);
    const auto snapshot = ParseSnapshotKey(SnapshotKey(uuid, name));
    ASSERT_TRUE(snapshot.has_value()) << name.ToString();
    EXPECT_EQ(snapshot->time, name.time);
    EXPECT_EQ(ToGroupName("any", snapshot->group), name.group);
    const auto group = ParseGroupKey(GroupKey(uuid, name.group));
    ASSERT_TRUE(group.has_value());
    EXPECT_EQ(ToGroupName("any", *group), name.group);
    if (name.group.parent.path.is_root()) continue;
    EXPECT_EQ(ParseNamespaceKey(NamespaceKey(uuid, name.group.parent.path)),
              name.group.parent.path);
  }
}

// A change here is a change of the format.
TEST(CatalogKeysTest, KeysHaveTheBytesThatTheyAlwaysHad) {
  Uuid uuid;
  uuid.bytes.fill(0xaa);
  Uuid session;
  session.bytes.fill(0xcc);
  Digest page;
  page.bytes.fill(0xee);
  const std::string datastore(32, 'a');
  const std::string in_session = datastore + std::string(32, 'c');
  const SnapshotName name = {
      .group = {.parent = {.datastore = "any", .path = {{"a", "b-2"}}},
                .type = BackupType::kVm,
                .id = "100"},
      .time = 0x6b020191};
  // a 01 b - 2 01, then 00 v m 00 1 0 0 00
  const std::string space = datastore + "6101622d3201";
  const std::string group = space + "00766d0031303000";
  EXPECT_EQ(Hex(NamespaceKey(uuid, name.group.parent.path)), space);
  EXPECT_EQ(Hex(GroupKey(uuid, name.group)), group);
  EXPECT_EQ(Hex(SnapshotKey(uuid, name)), group + "000000006b020191");
  EXPECT_EQ(Hex(SessionKey(uuid, session)), in_session);
  EXPECT_EQ(Hex(CheckpointKey(uuid, session, "a-1")), in_session + "612d31");
  EXPECT_EQ(Hex(PageKey(uuid, page)), datastore + std::string(64, 'e'));
}

TEST(CatalogKeysTest, OneNamespacesKeyIsAPrefixOfAllBelowItAndOfNoOther) {
  std::mt19937_64 random(TestSeed());
  const Uuid uuid = SomeUuid(1);
  for (int i = 0; i < 5000; ++i) {
    const NamespacePath a = SomeSnapshot(random).group.parent.path;
    const NamespacePath b = SomeSnapshot(random).group.parent.path;
    EXPECT_EQ(NamespaceKey(uuid, b).starts_with(NamespaceKey(uuid, a)),
              b.IsSameOrBelow(a))
        << a.ToString() << " and " << b.ToString();
  }
}

TEST(CatalogKeysTest, GroupsOfANamespaceComeBeforeThoseBelowIt) {
  const Uuid uuid = SomeUuid(1);
  const auto key = [&](const char* path, BackupType type, const char* id) {
    return GroupKey(uuid, {.parent = {.datastore = "any",
                                      .path = *NamespacePath::Parse(path)},
                           .type = type,
                           .id = id});
  };
  const std::vector<std::string> keys = {
      key("", BackupType::kCt, "1"),     key("", BackupType::kHost, "a"),
      key("", BackupType::kHost, "a.b"), key("", BackupType::kVm, "1"),
      key("a", BackupType::kVm, "1"),    key("a/b", BackupType::kCt, "1"),
      key("a-b", BackupType::kCt, "1"),  key("b", BackupType::kCt, "1"),
  };
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(CatalogKeysTest, HostileKeysNameNothing) {
  std::mt19937_64 random(TestSeed());
  const Uuid uuid = SomeUuid(1);
  for (int i = 0; i < 20000; ++i) {
    std::string key = SnapshotKey(uuid, SomeSnapshot(random));
    switch (random() % 3) {
      case 0:
        key[16 + random() % (key.size() - 16)] = static_cast<char>(random());
        break;
      case 1:
        key.resize(random() % key.size());
        break;
      default:
        key.insert(16 + random() % (key.size() - 16), 1,
                   static_cast<char>(random()));
        break;
    }
    // Whatever still parses is a name that gives just this key.
    const auto snapshot = ParseSnapshotKey(key);
    if (snapshot.has_value()) {
      EXPECT_EQ(SnapshotKey(uuid, {.group = ToGroupName("any", snapshot->group),
                                   .time = snapshot->time}),
                key);
    }
    const auto group = ParseGroupKey(key);
    if (group.has_value()) {
      EXPECT_EQ(GroupKey(uuid, ToGroupName("any", *group)), key);
    }
    const auto path = ParseNamespaceKey(key);
    if (path.has_value()) {
      EXPECT_EQ(NamespaceKey(uuid, *path), key);
    }
  }
  EXPECT_FALSE(ParseSnapshotKey("").has_value());
  EXPECT_FALSE(ParseGroupKey("").has_value());
  EXPECT_FALSE(ParseNamespaceKey("").has_value());
  EXPECT_FALSE(ParseNamespaceKey(NamespaceKey(uuid, {})).has_value());
  EXPECT_FALSE(ParseSessionKey("short").has_value());
  EXPECT_FALSE(ParseCheckpointKey(SessionKey(uuid, uuid)).has_value());
  EXPECT_FALSE(ParseCheckpointKey(CheckpointKey(uuid, uuid, "../x")));
}

TEST(CatalogKeysTest, SessionAndCheckpointKeysParseBack) {
  const Uuid session = SomeUuid(9);
  EXPECT_EQ(ParseSessionKey(SessionKey(SomeUuid(1), session)), session);
  EXPECT_EQ(ParseCheckpointKey(CheckpointKey(SomeUuid(1), session, "a.img")),
            "a.img");
}

}  // namespace
}  // namespace cairn::index
