#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/rpc/scope_rule.h"

namespace google::protobuf {
class ServiceDescriptor;
}  // namespace google::protobuf

namespace cairn {

// The roles that may call a method. A caller without a role is never in it.
class RoleSet {
 public:
  constexpr RoleSet() = default;
  constexpr RoleSet(std::initializer_list<CallerRole> roles) {
    for (const CallerRole role : roles) {
      if (role != CallerRole::kNone) bits_ |= Bit(role);
    }
  }
  constexpr bool Contains(CallerRole role) const {
    return role != CallerRole::kNone && (bits_ & Bit(role)) != 0;
  }

 private:
  static constexpr uint32_t Bit(CallerRole role) {
    return uint32_t{1} << static_cast<uint32_t>(role);
  }
  uint32_t bits_ = 0;
};

// Roles of people.
inline constexpr RoleSet kEveryRole = {CallerRole::kReader, CallerRole::kBackup,
                                       CallerRole::kOperator,
                                       CallerRole::kAdmin};
inline constexpr RoleSet kWriters = {CallerRole::kBackup, CallerRole::kOperator,
                                     CallerRole::kAdmin};
inline constexpr RoleSet kOperators = {CallerRole::kOperator,
                                       CallerRole::kAdmin};
inline constexpr RoleSet kAdmins = {CallerRole::kAdmin};
// Services that call others, each with administrators, for whom such methods
// are a way to look into a deployment.
inline constexpr RoleSet kIngestCalls = {CallerRole::kAdmin,
                                         CallerRole::kIngest};
inline constexpr RoleSet kMaintenanceCalls = {CallerRole::kAdmin,
                                              CallerRole::kMaintenance};
inline constexpr RoleSet kServiceCalls = {
    CallerRole::kAdmin, CallerRole::kIngest, CallerRole::kMaintenance};

// What becomes of a method while the server drains.
enum class DrainRule : uint8_t {
  kAllow,   // ends or continues work that was begun: served until the end
  kRefuse,  // opens new work: Unavailable, reason DRAINING
  kEnd,     // watches without an end: cancelled at once, and refused
};

struct AuthorizationRow {
  // "Package.Service/Method", as in "cairn.index.v1.IndexService/PutPages".
  std::string method;
  RoleSet roles;
  DrainRule drain = DrainRule::kAllow;
  ScopeRule scope = {};  // callers with a scope are refused
};

// Who may call what. A method without a row is refused to everyone.
// Filled before the server starts, read-only from then on.
class AuthorizationTable {
 public:
  // InvalidArgument: a method is no "service/method" or has a row already;
  // the rows before it are added.
  absl::Status Add(std::span<const AuthorizationRow> rows);

  // Null if there is no row. `method` may start with the "/" of its path.
  const AuthorizationRow* Find(std::string_view method) const;

  // Full method names of `service` that have no row.
  std::vector<std::string> MissingRows(
      const google::protobuf::ServiceDescriptor& service) const;

  // Rows whose service is `service` but which name no method of it.
  std::vector<std::string> StrayRows(
      const google::protobuf::ServiceDescriptor& service) const;

  // OK if the scope rules of all rows of `service` fit its requests.
  absl::Status CheckScopeRules(
      const google::protobuf::ServiceDescriptor& service) const;

 private:
  absl::flat_hash_map<std::string, AuthorizationRow> rows_;
};

}  // namespace cairn
