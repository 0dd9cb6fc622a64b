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

bool MayActForOthers(CallerRole role) {
  return role == CallerRole::kAdmin || IsServiceRole(role);
}

absl::Status NoRole() {
  return absl::PermissionDeniedError(
      "caller has no role that may change a group");
}

}  // namespace

absl::Status CheckMayWrite(const Caller& caller, const std::string& principal,
                           const GroupName& group,
                           const std::optional<std::string>& owner) {
  if (!MayActForOthers(caller.role)) {
    if (caller.role != CallerRole::kBackup) return NoRole();
    if (principal != caller.principal) return NotOwner(group, caller.principal);
  }
  if (!owner.has_value() || *owner == principal) return absl::OkStatus();
  return NotOwner(group, principal);
}

absl::Status CheckMayChange(const Caller& caller, const GroupName& group,
                            const std::string& owner) {
  if (MayActForOthers(caller.role)) return absl::OkStatus();
  if (caller.role != CallerRole::kBackup) return NoRole();
  if (caller.principal == owner) return absl::OkStatus();
  return NotOwner(group, caller.principal);
}

}  // namespace cairn::index
