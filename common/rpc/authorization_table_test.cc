#include "common/rpc/authorization_table.h"

#include "cairn/testing/v1/echo_service.pb.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const google::protobuf::ServiceDescriptor& EchoDescriptor() {
  return *testing::v1::EchoRequest::descriptor()->file()->service(0);
}

TEST(RoleSetTest, NeverHoldsACallerWithoutRole) {
  EXPECT_TRUE(kEveryRole.Contains(CallerRole::kBackup));
  EXPECT_FALSE(kEveryRole.Contains(CallerRole::kNone));
  EXPECT_FALSE(RoleSet({CallerRole::kNone}).Contains(CallerRole::kNone));
  EXPECT_FALSE(RoleSet{CallerRole::kIngest}.Contains(CallerRole::kAdmin));
  EXPECT_FALSE(RoleSet().Contains(CallerRole::kAdmin));
}

TEST(AuthorizationTableTest, FindsRowsWithAndWithoutSlash) {
  AuthorizationTable table;
  const AuthorizationRow row = {"a.B/C", kOperators, DrainRule::kRefuse};
  ASSERT_OK(table.Add({&row, 1}));
  ASSERT_NE(table.Find("a.B/C"), nullptr);
  EXPECT_EQ(table.Find("/a.B/C"), table.Find("a.B/C"));
  EXPECT_EQ(table.Find("a.B/C")->drain, DrainRule::kRefuse);
  EXPECT_EQ(table.Find("a.B/D"), nullptr);
  EXPECT_EQ(table.Find(""), nullptr);
}

TEST(AuthorizationTableTest, RefusesTwoRowsAndOtherForms) {
  AuthorizationTable table;
  const AuthorizationRow row = {"a.B/C", kOperators};
  ASSERT_OK(table.Add({&row, 1}));
  EXPECT_THAT(table.Add({&row, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a.B/C")));
  for (const char* name : {"", "C", "/a.B/C", "a.B/", "a/b/c"}) {
    const AuthorizationRow wrong = {name, kOperators};
    EXPECT_THAT(table.Add({&wrong, 1}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

TEST(AuthorizationTableTest, TellsMissingAndStrayRowsOfAService) {
  AuthorizationTable table;
  const std::string service = "cairn.testing.v1.EchoService/";
  const std::vector<AuthorizationRow> rows = {
      {service + "Echo", kEveryRole},
      {service + "EchoStream", kEveryRole},
      {service + "Collect", kEveryRole},
      {service + "Gone", kEveryRole},
      {"cairn.testing.v1.EchoServiceTwo/Echo", kEveryRole}};
  ASSERT_OK(table.Add(rows));
  EXPECT_THAT(table.MissingRows(EchoDescriptor()),
              ElementsAre(service + "Repeat", service + "Unlisted"));
  EXPECT_THAT(table.StrayRows(EchoDescriptor()), ElementsAre(service + "Gone"));
}

TEST(AuthorizationTableTest, ScopeRulesFitTheRequests) {
  AuthorizationTable table;
  const std::string service = "cairn.testing.v1.EchoService/";
  const AuthorizationRow right[] = {
      {service + "Echo", kOperators, DrainRule::kAllow, Within({"text"})},
      {service + "Repeat", kOperators}};
  ASSERT_OK(table.Add(right));
  EXPECT_OK(table.CheckScopeRules(EchoDescriptor()));
  const AuthorizationRow wrong = {service + "Collect", kOperators,
                                  DrainRule::kAllow, Within({"count"})};
  ASSERT_OK(table.Add({&wrong, 1}));
  EXPECT_THAT(table.CheckScopeRules(EchoDescriptor()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("Collect: scope rule: \"count\"")));
}

}  // namespace
}  // namespace cairn
