#include "services/ingest/domain/owner_rule.h"

#include "common/model/call.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

Caller Of(CallerKind kind, CallerRole role) {
  return {.kind = kind, .role = role, .principal = "web1@tls"};
}

TEST(OwnerRuleTest, AClientHasWhatIsItsOwnAndNothingElse) {
  const Caller client = Of(CallerKind::kTls, CallerRole::kClient);
  EXPECT_TRUE(MayAccess(client, "web1@tls"));
  EXPECT_FALSE(MayAccess(client, "web2@tls"));
  EXPECT_FALSE(MayAccess(client, ""));
}

TEST(OwnerRuleTest, AdministratorsServicesAndThisProcessHaveEverything) {
  EXPECT_TRUE(MayAccess(Of(CallerKind::kUnix, CallerRole::kAdmin), "x"));
  EXPECT_TRUE(MayAccess(Of(CallerKind::kTls, CallerRole::kService), "x"));
  EXPECT_TRUE(MayAccess(Of(CallerKind::kLocal, CallerRole::kNone), "x"));
}

TEST(OwnerRuleTest, WhoeverIsNobodyHasNothing) {
  EXPECT_FALSE(MayAccess(Of(CallerKind::kNone, CallerRole::kAdmin), "x"));
  EXPECT_FALSE(MayAccess(Of(CallerKind::kTls, CallerRole::kNone), "web1@tls"));
}

TEST(OwnerRuleTest, ARefusalSaysWhatAndForWhom) {
  const absl::Status refused = CheckOwner(
      Of(CallerKind::kTls, CallerRole::kClient), "group host/x", "web2@tls");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied,
                                testing::HasSubstr("group host/x")));
  EXPECT_THAT(refused, HasReasonCode(reason::kNotOwner));
}

}  // namespace
}  // namespace cairn::ingest
