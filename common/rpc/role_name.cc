#include "common/rpc/role_name.h"

namespace cairn {
namespace {

struct NamedRole {
  std::string_view name;
  CallerRole role;
};

constexpr NamedRole kRoles[] = {
    {"reader", CallerRole::kReader},
    {"backup", CallerRole::kBackup},
    {"operator", CallerRole::kOperator},
    {"admin", CallerRole::kAdmin},
    {"ingest", CallerRole::kIngest},
    {"index", CallerRole::kIndex},
    {"chunk_storage", CallerRole::kChunkStorage},
    {"maintenance", CallerRole::kMaintenance},
};

CallerRole FindRole(std::string_view name) {
  for (const NamedRole& named : kRoles) {
    if (named.name == name) return named.role;
  }
  return CallerRole::kNone;
}

}  // namespace

std::string_view RoleName(CallerRole role) {
  for (const NamedRole& named : kRoles) {
    if (named.role == role) return named.name;
  }
  return "none";
}

CallerRole FindPersonRole(std::string_view name) {
  if (name == "client") return CallerRole::kBackup;
  const CallerRole role = FindRole(name);
  return IsServiceRole(role) ? CallerRole::kNone : role;
}

CallerRole FindServiceRole(std::string_view name) {
  const CallerRole role = FindRole(name);
  return IsServiceRole(role) ? role : CallerRole::kNone;
}

}  // namespace cairn
