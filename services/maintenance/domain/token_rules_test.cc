#include "services/maintenance/domain/token_rules.h"

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TokenRequest Request() {
  return {.request_id = "r1",
          .name = "web1",
          .role = CallerRole::kBackup,
          .scope = "datastores/main/namespaces/web",
          .created_by = "root@unix"};
}

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[0] = n;
  return id;
}

Token Made(uint8_t n, absl::Time create_time, absl::Duration lifetime) {
  TokenRequest request = Request();
  request.lifetime = lifetime;
  return MakeToken(request, Id(n), Digest(), create_time);
}

TEST(TokenRulesTest, ARequestWithinTheBoundsIsTaken) {
  EXPECT_OK(ValidateTokenRequest(Request()));
  for (const CallerRole role :
       {CallerRole::kReader, CallerRole::kOperator, CallerRole::kAdmin}) {
    TokenRequest request = Request();
    request.role = role;
    request.scope = "";
    EXPECT_OK(ValidateTokenRequest(request));
  }
  for (const absl::Duration lifetime :
       {kMinTokenLifetime, kMaxTokenLifetime, absl::InfiniteDuration()}) {
    TokenRequest request = Request();
    request.lifetime = lifetime;
    EXPECT_OK(ValidateTokenRequest(request));
  }
}

TEST(TokenRulesTest, ABrokenRuleIsNamed) {
  const auto refused = [](auto change, const std::string& text) {
    TokenRequest request = Request();
    change(request);
    EXPECT_THAT(ValidateTokenRequest(request),
                StatusIs(kInvalid, HasSubstr(text)));
  };
  refused([](auto& r) { r.request_id = ""; }, "request id");
  refused([](auto& r) { r.request_id = std::string(129, 'x'); }, "request id");
  for (const std::string& name : std::vector<std::string>{
           "", "-a", "a b", "a@token", "a/b", std::string(65, 'a'), "a\n"}) {
    refused([&](auto& r) { r.name = name; }, "token name");
  }
  for (const CallerRole role :
       {CallerRole::kNone, CallerRole::kIngest, CallerRole::kMaintenance,
        static_cast<CallerRole>(200)}) {
    refused([&](auto& r) { r.role = role; }, "role");
  }
  for (const char* scope :
       {"main", "datastores/", "datastores/main/", "datastores/main/groups/a/b",
        "datastores/main/namespaces/", "/", "datastores/main/sweep"}) {
    refused([&](auto& r) { r.scope = scope; }, "scope");
  }
  for (const absl::Duration lifetime :
       {absl::ZeroDuration(), absl::Milliseconds(999), -absl::Seconds(1),
        kMaxTokenLifetime + absl::Seconds(1), -absl::InfiniteDuration()}) {
    refused([&](auto& r) { r.lifetime = lifetime; }, "lifetime");
  }
}

TEST(TokenRulesTest, ExpiresInNinetyDaysUnlessItIsSaid) {
  const Token token = MakeToken(Request(), Id(1), Digest(), kNow);
  EXPECT_EQ(token.expire_time, kNow + absl::Hours(24 * 90));
  EXPECT_EQ(Made(1, kNow, absl::InfiniteDuration()).expire_time,
            absl::InfiniteFuture());
  EXPECT_EQ(Made(1, kNow, absl::Hours(1)).expire_time, kNow + absl::Hours(1));
  EXPECT_OK(ValidateToken(token));
}

TEST(TokenRulesTest, HasAStateAtEachTime) {
  Token token = Made(1, kNow, absl::Hours(1));
  EXPECT_EQ(TokenStateAt(token, kNow), TokenState::kActive);
  EXPECT_EQ(TokenStateAt(token, token.expire_time), TokenState::kExpired);
  token.revoke_time = kNow;
  EXPECT_EQ(TokenStateAt(token, kNow), TokenState::kRevoked);
  EXPECT_EQ(TokenStateAt(token, token.expire_time), TokenState::kRevoked);
}

TEST(TokenRulesTest, DropsWhatHasEndedLongAgoOrIsTooMuch) {
  const TokenRetention retention = {.max_ended = 2, .max_age = absl::Hours(24)};
  Token active = Made(1, kNow - absl::Hours(10000), absl::InfiniteDuration());
  Token old = Made(2, kNow - absl::Hours(26), absl::Hours(1));
  Token third = Made(3, kNow - absl::Hours(4), absl::Hours(1));
  Token second = Made(4, kNow - absl::Hours(3), absl::Hours(1));
  Token first = Made(5, kNow - absl::Hours(9), absl::InfiniteDuration());
  first.revoke_time = kNow;
  EXPECT_THAT(TokensToDrop({&active, &first, &second}, retention, kNow),
              IsEmpty());
  EXPECT_THAT(TokensToDrop({&active, &old}, retention, kNow),
              ElementsAre(Id(2)));
  EXPECT_THAT(
      TokensToDrop({&first, &third, &active, &second, &old}, retention, kNow),
      ElementsAre(Id(2), Id(3)));
  // Who has just revoked it may ask again.
  old.revoke_time = kNow;
  EXPECT_THAT(TokensToDrop({&old}, retention, kNow), IsEmpty());
}

}  // namespace
}  // namespace cairn::maintenance
