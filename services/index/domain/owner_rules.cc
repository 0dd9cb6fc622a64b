#include "services/index/domain/owner_rules.h"

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::index {
namespace {

// Reaches clients, who may not learn whose it is.
absl::Status NotOwner(const GroupName& group, const std::string& principal) {
  return WithReason(absl::PermissionDeniedError(absl::StrCat(
                        "group ", group.ToString(),
                        " belongs to another owner than ", principal)),
                    reason::kNotOwner);
}

}  // namespace

absl::Status CheckMayWrite(const Caller& caller, const std::string& principal,
                           const GroupName& group,
                           const std::optional<std::string>& owner) {
  switch (caller.role) {
    case CallerRole::kClient:
      if (principal != caller.principal) {
        return NotOwner(group, caller.principal);
      }
      break;
    case CallerRole::kAdmin:
    case CallerRole::kService:
      break;
    case CallerRole::kNone:
      return absl::PermissionDeniedError("caller has no role");
  }
  if (!owner.has_value() || *owner == principal) return absl::OkStatus();
  return NotOwner(group, principal);
}

absl::Status CheckMayChange(const Caller& caller, const GroupName& group,
                            const std::string& owner) {
  switch (caller.role) {
    case CallerRole::kAdmin:
    case CallerRole::kService:
      return absl::OkStatus();
    case CallerRole::kClient:
      if (caller.principal == owner) return absl::OkStatus();
      return NotOwner(group, caller.principal);
    case CallerRole::kNone:
      break;
  }
  return absl::PermissionDeniedError("caller has no role");
}

}  // namespace cairn::index
