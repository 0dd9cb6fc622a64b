#include "client/cli/snapshot_argument.h"

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

const NamespaceName kScope =
    *NamespaceName::Parse("datastores/default/namespaces/a");

TEST(ParseGroupArgumentTest, ReadsShortAndWholeNames) {
  ASSERT_OK_AND_ASSIGN(const GroupName short_name,
                       ParseGroupArgument("host/web1", kScope));
  EXPECT_EQ(short_name.ToString(),
            "datastores/default/namespaces/a/groups/host/web1");
  ASSERT_OK_AND_ASSIGN(
      const GroupName whole,
      ParseGroupArgument("datastores/other/groups/vm/100", kScope));
  EXPECT_EQ(whole.ToString(), "datastores/other/groups/vm/100");
}

TEST(ParseGroupArgumentTest, RefusesOtherForms) {
  for (const char* text : {"", "host", "host/", "/x", "web/1", "host/a/b",
                           "host/../x", "host/.x", "datastores/x"}) {
    EXPECT_THAT(ParseGroupArgument(text, kScope),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(ParseSnapshotArgumentTest, ReadsTimesAndLatest) {
  ASSERT_OK_AND_ASSIGN(
      const SnapshotArgument at,
      ParseSnapshotArgument("host/web1/2026-11-21T20:39:45Z", kScope));
  EXPECT_EQ(at.group.ShortName(), "host/web1");
  EXPECT_EQ(FormatSnapshotTime(*at.time), "2026-11-21T20:39:45Z");
  ASSERT_OK_AND_ASSIGN(const SnapshotArgument latest,
                       ParseSnapshotArgument("vm/1/latest", kScope));
  EXPECT_EQ(latest.time, std::nullopt);
  ASSERT_OK_AND_ASSIGN(
      const SnapshotArgument whole,
      ParseSnapshotArgument(
          "datastores/d01/groups/ct/7/snapshots/2026-11-21T20:39:45Z", kScope));
  EXPECT_EQ(whole.group.ToString(), "datastores/d01/groups/ct/7");
  ASSERT_OK_AND_ASSIGN(
      const SnapshotArgument whole_latest,
      ParseSnapshotArgument("datastores/d01/groups/ct/7/snapshots/latest",
                            kScope));
  EXPECT_EQ(whole_latest.group.ToString(), "datastores/d01/groups/ct/7");
  EXPECT_EQ(whole_latest.time, std::nullopt);
}

TEST(ParseSnapshotArgumentTest, RefusesOtherForms) {
  for (const char* text :
       {"", "host/web1", "host/web1/", "host/web1/yesterday", "latest",
        "host/web1/2026-13-21T20:39:45Z", "host/web1/2026-11-21"}) {
    EXPECT_THAT(ParseSnapshotArgument(text, kScope),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

}  // namespace
}  // namespace cairn::client
