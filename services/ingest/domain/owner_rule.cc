#include "services/ingest/domain/owner_rule.h"

#include "absl/strings/str_cat.h"
#include "common/model/resource_scope.h"
#include "common/status/reason.h"

namespace cairn::ingest {

bool MayAccess(const Caller& caller, std::string_view owner) {
  if (caller.kind == CallerKind::kNone) return false;
  if (caller.kind == CallerKind::kLocal) return true;
  if (caller.role == CallerRole::kNone) return false;
  if (caller.role == CallerRole::kBackup) return caller.principal == owner;
  return true;
}

absl::Status CheckOwner(const Caller& caller, std::string_view what,
                        std::string_view owner) {
  if (MayAccess(caller, owner)) return absl::OkStatus();
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat(
          what, " belongs to another owner than ",
          caller.principal.empty() ? "an unknown caller" : caller.principal)),
      reason::kNotOwner);
}

bool MayReach(const Caller& caller, const GroupName& group) {
  return caller.scope.empty() || IsInScope(caller.scope, group.ToString());
}

absl::Status CheckReach(const Caller& caller, const GroupName& group) {
  if (caller.scope.empty()) return absl::OkStatus();
  return CheckInScope(caller.scope, group.ToString());
}

absl::Status CheckMayWrite(const Caller& caller, const GroupName& group,
                           std::string_view owner) {
  if (caller.principal == owner) return absl::OkStatus();
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat(
          "group ", group.ToString(), " belongs to another owner than ",
          caller.principal.empty() ? "an unknown caller" : caller.principal)),
      reason::kNotOwner);
}

}  // namespace cairn::ingest
