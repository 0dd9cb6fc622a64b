#include "common/wire/token.h"

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
namespace v1 = maintenance::v1;

TokenEntry Entry() {
  TokenEntry entry;
  entry.id.bytes[3] = 7;
  entry.secret_hash.bytes[5] = 9;
  entry.name = "web1";
  entry.role = CallerRole::kOperator;
  entry.scope = "datastores/main/namespaces/a";
  entry.expire_time = absl::FromUnixNanos(1'800'000'000'123'456'789);
  return entry;
}

TEST(TokenWireTest, EntriesComeBack) {
  EXPECT_THAT(FromProto(ToProto(Entry())), IsOkAndHolds(Entry()));
  TokenEntry bare = Entry();
  bare.scope = "";
  bare.expire_time = absl::InfiniteFuture();
  EXPECT_THAT(FromProto(ToProto(bare)), IsOkAndHolds(bare));
}

TEST(TokenWireTest, RolesOfPeopleComeBackAndNoOthers) {
  for (int i = 0; i < kCallerRoles; ++i) {
    const auto role = static_cast<CallerRole>(i);
    const auto back = TokenRoleFromProto("role", ToProto(role));
    if (role == CallerRole::kNone || IsServiceRole(role)) {
      EXPECT_THAT(back, StatusIs(absl::StatusCode::kInvalidArgument));
    } else {
      EXPECT_THAT(back, IsOkAndHolds(role));
    }
  }
  EXPECT_FALSE(TokenRoleFromProto("role", static_cast<v1::TokenRole>(9)).ok());
}

TEST(TokenWireTest, AHostileEntryIsRefusedByName) {
  const auto refused = [](auto change, const char* field) {
    v1::TokenEntry proto = ToProto(Entry());
    change(proto);
    EXPECT_THAT(FromProto(proto),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  refused([](auto& p) { p.set_id("short"); }, "id");
  refused([](auto& p) { p.set_secret_hash("short"); }, "secret_hash");
  refused([](auto& p) { p.set_name("a@b"); }, "name");
  refused([](auto& p) { p.clear_role(); }, "role");
  refused([](auto& p) { p.set_scope("everything"); }, "scope");
  refused([](auto& p) { p.mutable_expire_time()->set_nanos(-1); },
          "expire_time");
}

}  // namespace
}  // namespace cairn
