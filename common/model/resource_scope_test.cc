#include "common/model/resource_scope.h"

#include <string>

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(ResourceScopeTest, HoldsItselfAndWhatLiesBelow) {
  const char* const scope = "datastores/main/namespaces/web";
  for (const char* name :
       {"datastores/main/namespaces/web",
        "datastores/main/namespaces/web/namespaces/eu",
        "datastores/main/namespaces/web/groups/host/a",
        "datastores/main/namespaces/web/groups/host/a/snapshots/x"}) {
    EXPECT_TRUE(IsInScope(scope, name)) << name;
  }
  for (const char* name :
       {"", "datastores", "datastores/main", "datastores/main/namespaces",
        "datastores/main/namespaces/we", "datastores/main/namespaces/web2",
        "datastores/main/namespaces/web2/groups/host/a",
        "datastores/other/namespaces/web", "datastores/main/groups/host/a",
        "/datastores/main/namespaces/web", "datastores/main/namespaces/WEB"}) {
    EXPECT_FALSE(IsInScope(scope, name)) << name;
  }
}

TEST(ResourceScopeTest, NoScopeHoldsEverything) {
  EXPECT_TRUE(IsInScope("", ""));
  EXPECT_TRUE(IsInScope("", "datastores/main"));
}

TEST(ResourceScopeTest, RefusesWithAReasonAndAShortText) {
  EXPECT_OK(CheckInScope("datastores/main", "datastores/main/groups/vm/1"));
  const absl::Status refused =
      CheckInScope("datastores/main", std::string(1 << 20, 'x'));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(refused, HasReasonCode(reason::kOutOfScope));
  EXPECT_LT(refused.message().size(), 1000u);
}

TEST(ResourceScopeTest, FindsTheDatastoreOfAName) {
  EXPECT_EQ(DatastoreOf("datastores/main"), "datastores/main");
  EXPECT_EQ(DatastoreOf("datastores/main/"), "datastores/main");
  EXPECT_EQ(DatastoreOf("datastores/main/sessions/1"), "datastores/main");
  for (const char* name : {"", "datastores", "datastores/", "datastores//x",
                           "groups/host/a", "xdatastores/main"}) {
    EXPECT_EQ(DatastoreOf(name), "") << name;
  }
}

}  // namespace
}  // namespace cairn
