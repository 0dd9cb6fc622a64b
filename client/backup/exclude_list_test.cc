#include "client/backup/exclude_list.h"

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

TEST(ExcludeListTest, ANameMatchesAtAnyDepth) {
  ASSERT_OK_AND_ASSIGN(const ExcludeList list, ExcludeList::Create({"*.tmp"}));
  EXPECT_TRUE(list.Matches("a.tmp", false));
  EXPECT_TRUE(list.Matches("x/y/a.tmp", false));
  EXPECT_FALSE(list.Matches("a.tmp.gz", false));
  EXPECT_FALSE(list.Matches("x.tmp/file", false));
}

TEST(ExcludeListTest, APathMatchesFromTheTop) {
  ASSERT_OK_AND_ASSIGN(const ExcludeList list,
                       ExcludeList::Create({"/var/cache", "home/*/.cache"}));
  EXPECT_TRUE(list.Matches("var/cache", true));
  EXPECT_FALSE(list.Matches("x/var/cache", true));
  EXPECT_FALSE(list.Matches("cache", true));
  EXPECT_TRUE(list.Matches("home/ann/.cache", true));
  EXPECT_FALSE(list.Matches("home/ann/x/.cache", true));
}

TEST(ExcludeListTest, ASlashAtTheEndMeansDirectories) {
  ASSERT_OK_AND_ASSIGN(const ExcludeList list, ExcludeList::Create({"tmp/"}));
  EXPECT_TRUE(list.Matches("a/tmp", true));
  EXPECT_FALSE(list.Matches("a/tmp", false));
}

TEST(ExcludeListTest, ALeadingSlashAnchorsAName) {
  ASSERT_OK_AND_ASSIGN(const ExcludeList list, ExcludeList::Create({"/proc"}));
  EXPECT_TRUE(list.Matches("proc", true));
  EXPECT_FALSE(list.Matches("usr/proc", true));
}

TEST(ExcludeListTest, RefusesPatternsThatMatchNothing) {
  EXPECT_THAT(ExcludeList::Create({""}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ExcludeList::Create({"/"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ExcludeList::Create(std::vector<std::string>(1001, "a")),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::client
