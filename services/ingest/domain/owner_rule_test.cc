#include "services/ingest/domain/owner_rule.h"

#include "common/model/call.h"
#include "common/model/names.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

Caller Of(CallerKind kind, CallerRole role) {
  return {.kind = kind, .role = role, .principal = "web1@tls"};
}

TEST(OwnerRuleTest, AClientHasWhatIsItsOwnAndNothingElse) {
  const Caller client = Of(CallerKind::kTls, CallerRole::kBackup);
  EXPECT_TRUE(MayAccess(client, "web1@tls"));
  EXPECT_FALSE(MayAccess(client, "web2@tls"));
  EXPECT_FALSE(MayAccess(client, ""));
}

TEST(OwnerRuleTest, AdministratorsServicesAndThisProcessHaveEverything) {
  EXPECT_TRUE(MayAccess(Of(CallerKind::kUnix, CallerRole::kAdmin), "x"));
  EXPECT_TRUE(MayAccess(Of(CallerKind::kTls, CallerRole::kIngest), "x"));
  EXPECT_TRUE(MayAccess(Of(CallerKind::kLocal, CallerRole::kNone), "x"));
  // Where their role lets them at all.
  EXPECT_TRUE(MayAccess(Of(CallerKind::kToken, CallerRole::kOperator), "x"));
  EXPECT_TRUE(MayAccess(Of(CallerKind::kToken, CallerRole::kReader), "x"));
}

TEST(OwnerRuleTest, WhoeverIsNobodyHasNothing) {
  EXPECT_FALSE(MayAccess(Of(CallerKind::kNone, CallerRole::kAdmin), "x"));
  EXPECT_FALSE(MayAccess(Of(CallerKind::kTls, CallerRole::kNone), "web1@tls"));
}

TEST(OwnerRuleTest, AScopeReachesTheGroupsBelowIt) {
  Caller caller = Of(CallerKind::kToken, CallerRole::kOperator);
  const GroupName web = {{"main", {{"web"}}}, BackupType::kHost, "a"};
  const GroupName mail = {{"main", {{"mail"}}}, BackupType::kHost, "a"};
  const GroupName root = {{"main", {}}, BackupType::kHost, "a"};
  for (const GroupName& group : {web, mail, root}) {
    EXPECT_TRUE(MayReach(caller, group));
    EXPECT_OK(CheckReach(caller, group));
  }
  caller.scope = "datastores/main/namespaces/web";
  EXPECT_TRUE(MayReach(caller, web));
  EXPECT_OK(CheckReach(caller, web));
  for (const GroupName& group : {mail, root}) {
    EXPECT_FALSE(MayReach(caller, group));
    EXPECT_THAT(CheckReach(caller, group), HasReasonCode(reason::kOutOfScope));
  }
}

TEST(OwnerRuleTest, ARefusalSaysWhatAndForWhom) {
  const absl::Status refused = CheckOwner(
      Of(CallerKind::kTls, CallerRole::kBackup), "group host/x", "web2@tls");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied,
                                testing::HasSubstr("group host/x")));
  EXPECT_THAT(refused, HasReasonCode(reason::kNotOwner));
}

}  // namespace
}  // namespace cairn::ingest
