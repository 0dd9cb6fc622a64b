#include "services/index/domain/owner_rules.h"

#include <optional>
#include <string>

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

struct Case {
  CallerRole role;
  std::string caller;
  std::string principal;             // for whom
  std::optional<std::string> owner;  // of the group
  bool allowed;
};

TEST(OwnerRulesTest, WhoMayWriteFollowsTheTable) {
  const Case cases[] = {
      // A service acts for the user it names.
      {CallerRole::kIngest, "ingest@service", "ann", std::nullopt, true},
      {CallerRole::kIngest, "ingest@service", "ann", "ann", true},
      {CallerRole::kIngest, "ingest@service", "bob", "ann", false},
      {CallerRole::kIngest, "ann", "bob", "ann", false},
      // So does an administrator, as which it may be seen.
      {CallerRole::kAdmin, "root@unix", "ann", "ann", true},
      {CallerRole::kAdmin, "root@unix", "root@unix", std::nullopt, true},
      {CallerRole::kAdmin, "root@unix", "root@unix", "ann", false},
      {CallerRole::kAdmin, "root@unix", "bob", "ann", false},
      // A client is nobody but itself.
      {CallerRole::kBackup, "ann", "ann", "ann", true},
      {CallerRole::kBackup, "ann", "ann", std::nullopt, true},
      {CallerRole::kBackup, "bob", "bob", "ann", false},
      {CallerRole::kBackup, "bob", "ann", "ann", false},
      {CallerRole::kBackup, "bob", "ann", std::nullopt, false},
      // Others do not come here.
      {CallerRole::kReader, "ann", "ann", "ann", false},
      {CallerRole::kOperator, "ann", "ann", "ann", false},
      {CallerRole::kNone, "ann", "ann", "ann", false},
  };
  for (const Case& one : cases) {
    const absl::Status status = CheckMayWrite(
        {.kind = CallerKind::kTls, .role = one.role, .principal = one.caller},
        one.principal, GroupName{}, one.owner);
    if (one.allowed) {
      EXPECT_OK(status);
    } else {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
      EXPECT_EQ(HasReason(status, reason::kNotOwner),
                one.role != CallerRole::kNone &&
                    one.role != CallerRole::kReader &&
                    one.role != CallerRole::kOperator);
    }
  }
}

TEST(OwnerRulesTest, ARefusalDoesNotSayWhoseTheGroupIs) {
  for (const CallerRole role : {CallerRole::kIngest, CallerRole::kBackup}) {
    const Caller bob = {
        .kind = CallerKind::kTls, .role = role, .principal = "bob"};
    const absl::Status write = CheckMayWrite(bob, "bob", GroupName{}, "ann");
    EXPECT_FALSE(write.ok());
    EXPECT_EQ(write.ToString().find("ann"), std::string::npos) << write;
  }
  const absl::Status change = CheckMayChange({.kind = CallerKind::kTls,
                                              .role = CallerRole::kBackup,
                                              .principal = "bob"},
                                             GroupName{}, "ann");
  EXPECT_FALSE(change.ok());
  EXPECT_EQ(change.ToString().find("ann"), std::string::npos) << change;
}

TEST(OwnerRulesTest, WhoMayChangeAGroup) {
  const auto check = [](CallerRole role, const std::string& caller) {
    return CheckMayChange(
        {.kind = CallerKind::kTls, .role = role, .principal = caller},
        GroupName{}, "ann");
  };
  EXPECT_OK(check(CallerRole::kIngest, "ingest@service"));
  EXPECT_OK(check(CallerRole::kAdmin, "root@unix"));
  EXPECT_OK(check(CallerRole::kBackup, "ann"));
  EXPECT_THAT(check(CallerRole::kBackup, "bob"),
              HasReasonCode(reason::kNotOwner));
  EXPECT_THAT(check(CallerRole::kNone, "ann"),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace cairn::index
