#include "services/ingest/domain/owner_rule.h"

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::ingest {

bool MayAccess(const Caller& caller, std::string_view owner) {
  if (caller.kind == CallerKind::kNone) return false;
  if (caller.kind == CallerKind::kLocal) return true;
  switch (caller.role) {
    case CallerRole::kAdmin:
    case CallerRole::kService:
      return true;
    case CallerRole::kClient:
      return caller.principal == owner;
    case CallerRole::kNone:
      break;
  }
  return false;
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
