#include "common/model/names.h"

#include <random>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/model/uuid.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

auto IsRefused() { return StatusIs(absl::StatusCode::kInvalidArgument); }

// Texts that are no component in any place.
std::vector<std::string> HostileComponents() {
  return {"",
          ".",
          "..",
          ".hidden",
          "-flag",
          "a b",
          "a\\b",
          "a%2fb",
          "a:b",
          "a\nb",
          std::string("a\0b", 3),
          "\xc3\xa4",
          "a\xff",
          "~",
          "*",
          std::string(65, 'a'),
          std::string(100000, 'a')};
}

TEST(ValidateTest, ComponentsHaveLimits) {
  EXPECT_OK(ValidateComponent("group id", "a", 64));
  EXPECT_OK(ValidateComponent("group id", "_", 64));
  EXPECT_OK(ValidateComponent("group id", "0.-_Z", 64));
  EXPECT_OK(ValidateComponent("group id", std::string(64, 'a'), 64));
  for (const std::string& text : HostileComponents()) {
    const absl::Status status = ValidateComponent("group id", text, 64);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 HasSubstr("group id")))
        << text.substr(0, 80);
    EXPECT_LT(status.message().size(), 1000u);
  }
  // A slash is no separator here.
  EXPECT_THAT(ValidateComponent("group id", "a/b", 64), IsRefused());
}

TEST(ValidateTest, ErrorsEscapeWhatTheyRepeat) {
  EXPECT_THAT(
      ValidateComponent("group id", "a\x1b[31m\n", 64),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("\\x1b[31m\\n"), Not(HasSubstr("\x1b")))));
}

TEST(ValidateTest, DatastoreAndArchiveIds) {
  EXPECT_THAT(ValidateDatastoreId("ab"), IsRefused());
  EXPECT_OK(ValidateDatastoreId("abc"));
  EXPECT_OK(ValidateDatastoreId(std::string(32, 'a')));
  EXPECT_THAT(ValidateDatastoreId(std::string(33, 'a')), IsRefused());
  EXPECT_THAT(ValidateDatastoreId("../"), IsRefused());
  EXPECT_OK(ValidateArchiveId(std::string(128, 'a')));
  EXPECT_THAT(ValidateArchiveId(std::string(129, 'a')), IsRefused());
  EXPECT_THAT(ValidateArchiveId(""), IsRefused());
}

TEST(NamespacePathTest, ParsesAndPrints) {
  EXPECT_THAT(NamespacePath::Parse(""), IsOkAndHolds(NamespacePath{}));
  ASSERT_OK_AND_ASSIGN(const NamespacePath path, NamespacePath::Parse("a/b/c"));
  EXPECT_THAT(path.components, ElementsAre("a", "b", "c"));
  EXPECT_EQ(path.ToString(), "a/b/c");
  EXPECT_EQ(path.Parent().ToString(), "a/b");
  EXPECT_FALSE(path.is_root());
  EXPECT_TRUE(NamespacePath{}.is_root());
  EXPECT_TRUE(NamespacePath{}.Parent().is_root());
}

TEST(NamespacePathTest, RefusesOtherTexts) {
  for (const std::string bad :
       {"/", "/a", "a/", "a//b", "a/../b", "a/./b", " a"}) {
    EXPECT_THAT(NamespacePath::Parse(bad), IsRefused()) << bad;
  }
  for (const std::string& component : HostileComponents()) {
    EXPECT_THAT(NamespacePath::Parse(absl::StrCat("a/", component, "/b")),
                IsRefused())
        << component.substr(0, 80);
  }
}

TEST(NamespacePathTest, HasLimits) {
  EXPECT_OK(NamespacePath::Parse("1/2/3/4/5/6/7"));
  EXPECT_THAT(
      NamespacePath::Parse("1/2/3/4/5/6/7/8"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 7")));
  const std::string a(62, 'a');
  const std::string b(64, 'b');
  // 62 + 1 + 64 + 1 + 64 + 1 + 63 = 256 characters.
  const std::string longest = absl::StrCat(a, "/", b, "/", b, "/", a, "c");
  ASSERT_EQ(longest.size(), 256u);
  EXPECT_OK(NamespacePath::Parse(longest));
  EXPECT_THAT(
      NamespacePath::Parse(longest + "c"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 256")));
}

TEST(NamespacePathTest, IsSameOrBelowComparesComponents) {
  const auto path = [](std::string_view text) {
    return NamespacePath::Parse(text).value();
  };
  EXPECT_TRUE(path("a/b").IsSameOrBelow(path("a/b")));
  EXPECT_TRUE(path("a/b").IsSameOrBelow(path("a")));
  EXPECT_TRUE(path("a/b").IsSameOrBelow(path("")));
  EXPECT_TRUE(path("").IsSameOrBelow(path("")));
  EXPECT_FALSE(path("a").IsSameOrBelow(path("a/b")));
  EXPECT_FALSE(path("ab").IsSameOrBelow(path("a")));
  EXPECT_FALSE(path("").IsSameOrBelow(path("a")));
}

TEST(BackupTypeTest, ParsesItsThreeNames) {
  for (const BackupType type :
       {BackupType::kVm, BackupType::kCt, BackupType::kHost}) {
    EXPECT_THAT(ParseBackupType(BackupTypeName(type)), IsOkAndHolds(type));
  }
  for (const std::string bad : {"", "VM", "vms", "unknown", "v"}) {
    EXPECT_THAT(ParseBackupType(bad), IsRefused()) << bad;
  }
}

// Every name of each form is read, and written the same way.
TEST(NamesTest, RoundTrip) {
  const std::string uuid = "01234567-89ab-cdef-0123-456789abcdef";
  for (const std::string parent :
       {"datastores/default", "datastores/d-1.x/namespaces/a",
        "datastores/default/namespaces/a/namespaces/namespaces",
        "datastores/default/namespaces/groups/namespaces/snapshots"}) {
    ASSERT_OK_AND_ASSIGN(const NamespaceName name,
                         NamespaceName::Parse(parent));
    EXPECT_EQ(name.ToString(), parent);
    for (const std::string group : {"/groups/vm/100", "/groups/host/groups"}) {
      ASSERT_OK_AND_ASSIGN(const GroupName group_name,
                           GroupName::Parse(parent + group));
      EXPECT_EQ(group_name.ToString(), parent + group);
      EXPECT_EQ(group_name.parent, name);
      const std::string snapshot =
          parent + group + "/snapshots/2026-11-21T20:39:45Z";
      ASSERT_OK_AND_ASSIGN(const SnapshotName snapshot_name,
                           SnapshotName::Parse(snapshot));
      EXPECT_EQ(snapshot_name.ToString(), snapshot);
      EXPECT_EQ(snapshot_name.group, group_name);
      const std::string archive = snapshot + "/archives/root.pxar";
      ASSERT_OK_AND_ASSIGN(const ArchiveName archive_name,
                           ArchiveName::Parse(archive));
      EXPECT_EQ(archive_name.ToString(), archive);
      EXPECT_EQ(archive_name.snapshot, snapshot_name);
      EXPECT_EQ(archive_name.archive, "root.pxar");
    }
  }
  const std::string session = "datastores/default/sessions/" + uuid;
  ASSERT_OK_AND_ASSIGN(const SessionName session_name,
                       SessionName::Parse(session));
  EXPECT_EQ(session_name.ToString(), session);
  EXPECT_EQ(session_name.session.ToString(), uuid);
}

TEST(NamesTest, ShortNames) {
  ASSERT_OK_AND_ASSIGN(
      const SnapshotName name,
      SnapshotName::Parse("datastores/default/namespaces/a/groups/host/web1/"
                          "snapshots/2026-11-21T20:39:45Z"));
  EXPECT_EQ(name.group.ShortName(), "host/web1");
  EXPECT_EQ(name.ShortName(), "host/web1/2026-11-21T20:39:45Z");
}

TEST(NamesTest, LongestNamesFit) {
  std::string name = absl::StrCat("datastores/", std::string(32, 'd'));
  for (const int length : {64, 64, 64, 55, 1, 1, 1}) {
    absl::StrAppend(&name, "/namespaces/", std::string(length, 'n'));
  }
  absl::StrAppend(&name, "/groups/host/", std::string(64, 'g'),
                  "/snapshots/9999-12-31T23:59:59Z/archives/",
                  std::string(128, 'a'));
  ASSERT_OK_AND_ASSIGN(const ArchiveName parsed, ArchiveName::Parse(name));
  EXPECT_EQ(parsed.ToString(), name);
  EXPECT_EQ(parsed.snapshot.time, kMaxSnapshotTime);
}

// No parser takes a name of another form, nor one with damage.
TEST(NamesTest, RefuseOtherForms) {
  const std::string group = "datastores/default/groups/vm/100";
  const std::string snapshot = group + "/snapshots/2026-11-21T20:39:45Z";
  const std::string archive = snapshot + "/archives/a";
  for (const std::string& bad :
       {std::string(), std::string("datastores"), std::string("datastores/"),
        std::string("/datastores/default"), std::string("datastores/default/"),
        std::string("datastores//default"), std::string("Datastores/default"),
        std::string("datastores/default/namespaces"),
        std::string("datastores/default/namespaces/"),
        std::string("datastores/default/namespaces/a/b"),
        std::string("datastores/default/a"), group, snapshot}) {
    EXPECT_THAT(NamespaceName::Parse(bad), IsRefused()) << bad;
  }
  for (const std::string& bad :
       {std::string("datastores/default"), group + "/", group + "/x",
        std::string("datastores/default/groups"),
        std::string("datastores/default/groups/vm"),
        std::string("datastores/default/groups/vm/"),
        std::string("datastores/default/groups/box/1"),
        std::string("datastores/default/groups//1"), "/" + group, snapshot}) {
    EXPECT_THAT(GroupName::Parse(bad), IsRefused()) << bad;
  }
  for (const std::string& bad :
       {group, group + "/snapshots", group + "/snapshots/",
        group + "/snapshots/2026-11-21T20:39:45", snapshot + "/", archive}) {
    EXPECT_THAT(SnapshotName::Parse(bad), IsRefused()) << bad;
  }
  for (const std::string& bad :
       {snapshot, snapshot + "/archives", snapshot + "/archives/",
        snapshot + "/archives/..", archive + "/", archive + "/x"}) {
    EXPECT_THAT(ArchiveName::Parse(bad), IsRefused()) << bad;
  }
  const std::string uuid = "01234567-89ab-cdef-0123-456789abcdef";
  for (const std::string& bad :
       {std::string("datastores/default/sessions"),
        std::string("datastores/default/sessions/"),
        "datastores/default/sessions/" + uuid + "/",
        std::string("datastores/default/sessions/"
                    "01234567-89AB-CDEF-0123-456789ABCDEF"),
        std::string("datastores/default/sessions/"
                    "00000000-0000-0000-0000-000000000000"),
        "datastores/default/namespaces/a/sessions/" + uuid}) {
    EXPECT_THAT(SessionName::Parse(bad), IsRefused()) << bad;
  }
}

TEST(NamesTest, RefuseHostileComponentsInEveryPlace) {
  for (const std::string& text : HostileComponents()) {
    const std::vector<std::string> names = {
        absl::StrCat("datastores/", text,
                     "/groups/vm/1/snapshots/"
                     "2026-11-21T20:39:45Z/archives/a"),
        absl::StrCat("datastores/default/namespaces/", text,
                     "/groups/vm/1/snapshots/2026-11-21T20:39:45Z/archives/a"),
        absl::StrCat("datastores/default/groups/vm/", text,
                     "/snapshots/2026-11-21T20:39:45Z/archives/a"),
        absl::StrCat("datastores/default/groups/", text,
                     "/1/snapshots/2026-11-21T20:39:45Z/archives/a"),
        absl::StrCat("datastores/default/groups/vm/1/snapshots/", text,
                     "/archives/a")};
    for (const std::string& name : names) {
      const absl::Status status = ArchiveName::Parse(name).status();
      EXPECT_THAT(status, IsRefused()) << name.substr(0, 200);
      EXPECT_LT(status.message().size(), 1500u);
    }
  }
}

TEST(SnapshotTimeTest, Table) {
  const struct {
    int64_t seconds;
    const char* text;
  } rows[] = {{1, "1970-01-01T00:00:01Z"},
              {951782400, "2000-02-29T00:00:00Z"},
              {1795293585, "2026-11-21T20:39:45Z"},
              {4107542399, "2100-02-28T23:59:59Z"},
              {kMaxSnapshotTime, "9999-12-31T23:59:59Z"}};
  for (const auto& row : rows) {
    EXPECT_EQ(FormatSnapshotTime(row.seconds), row.text);
    EXPECT_THAT(ParseSnapshotTime(row.text), IsOkAndHolds(row.seconds));
  }
}

TEST(SnapshotTimeTest, RefusesWhatIsNoTimeOrHasAnotherForm) {
  for (const std::string bad : {"",
                                "1970-01-01T00:00:00Z",
                                "1969-12-31T23:59:59Z",
                                "0000-00-00T00:00:00Z",
                                "2026-02-29T00:00:00Z",
                                "2026-13-01T00:00:00Z",
                                "2026-00-01T00:00:00Z",
                                "2026-01-00T00:00:00Z",
                                "2026-01-32T00:00:00Z",
                                "2026-01-01T24:00:00Z",
                                "2026-01-01T00:60:00Z",
                                "2026-01-01T00:00:60Z",
                                "2026-01-01t00:00:00Z",
                                "2026-01-01T00:00:00z",
                                "2026-01-01 00:00:00Z",
                                "2026-01-01T00:00:00",
                                "2026-01-01T00:00:00.0Z",
                                "+026-01-01T00:00:00Z",
                                "2026-01-01T00:00:00+00:00",
                                "2026-1-01T00:00:000Z",
                                "2026-01-01T-1:00:00Z",
                                "10000-01-01T00:00:00Z",
                                "2026-01-01T00:00:0\xffZ"}) {
    EXPECT_THAT(ParseSnapshotTime(bad), IsRefused()) << bad;
  }
}

TEST(SnapshotTimeTest, RoundTripsAtRandom) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 2000; ++i) {
    const int64_t time = absl::Uniform<int64_t>(random, 1, kMaxSnapshotTime);
    ASSERT_THAT(ParseSnapshotTime(FormatSnapshotTime(time)),
                IsOkAndHolds(time));
  }
}

// What a parser accepts, it prints back unchanged: one form per name.
TEST(NamesTest, DamagedNamesAreRefusedOrPrintTheSame) {
  std::mt19937_64 random(TestSeed());
  const std::string good =
      "datastores/default/namespaces/a/namespaces/b/groups/host/web1/"
      "snapshots/2026-11-21T20:39:45Z/archives/root";
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string name = good;
    const size_t at = absl::Uniform<size_t>(random, 0, name.size());
    switch (absl::Uniform(random, 0, 3)) {
      case 0:
        name[at] = static_cast<char>(absl::Uniform(random, 0, 256));
        break;
      case 1:
        name.erase(at, 1);
        break;
      default:
        name.insert(at, 1, "/.-aZ0_\0"[absl::Uniform(random, 0, 8)]);
    }
    const absl::StatusOr<ArchiveName> parsed = ArchiveName::Parse(name);
    if (!parsed.ok()) {
      ASSERT_THAT(parsed, IsRefused());
      continue;
    }
    ++accepted;
    ASSERT_EQ(parsed->ToString(), name);
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace cairn
