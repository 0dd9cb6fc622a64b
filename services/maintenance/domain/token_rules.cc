#include "services/maintenance/domain/token_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "common/model/principal_name.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/text/quote.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/domain/text_rules.h"

namespace cairn::maintenance {
namespace {

absl::Status CheckName(std::string_view name) {
  if (IsPrincipalName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("token name ", Quote(name), " is none: allowed are 1..",
                   kMaxPrincipalNameBytes,
                   " of A-Z a-z 0-9 . _ -, the first a letter or a digit"));
}

absl::Status CheckRole(CallerRole role) {
  if (role != CallerRole::kNone && !IsServiceRole(role)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("role is ", static_cast<int>(role),
                   ", allowed are reader, backup, operator and admin"));
}

absl::Status CheckScope(const std::string& scope) {
  if (scope.empty()) return absl::OkStatus();
  return WithContext(NamespaceName::Parse(scope).status(), "scope");
}

// Since when it has been listed for nothing but its end. A revocation counts
// anew: it is answered the same way when it is repeated.
absl::Time EndOf(const Token& token) {
  return token.revoke_time.value_or(token.expire_time);
}

}  // namespace

std::string_view TokenStateName(TokenState state) {
  switch (state) {
    case TokenState::kActive:
      return "active";
    case TokenState::kExpired:
      return "expired";
    case TokenState::kRevoked:
      return "revoked";
  }
  return "unknown";
}

std::string_view TokenRoleName(CallerRole role) {
  switch (role) {
    case CallerRole::kReader:
      return "reader";
    case CallerRole::kBackup:
      return "backup";
    case CallerRole::kOperator:
      return "operator";
    case CallerRole::kAdmin:
      return "admin";
    default:
      return "unknown";
  }
}

absl::Status ValidateTokenRequest(const TokenRequest& request) {
  RETURN_IF_ERROR(
      CheckText("request id", request.request_id, 1, kMaxRequestIdLength));
  RETURN_IF_ERROR(CheckName(request.name));
  RETURN_IF_ERROR(CheckRole(request.role));
  RETURN_IF_ERROR(CheckScope(request.scope));
  RETURN_IF_ERROR(
      CheckText("principal", request.created_by, 0, kMaxPrincipalLength));
  const absl::Duration lifetime =
      request.lifetime.value_or(kDefaultTokenLifetime);
  if (lifetime == absl::InfiniteDuration() ||
      (lifetime >= kMinTokenLifetime && lifetime <= kMaxTokenLifetime)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("lifetime is ", absl::FormatDuration(lifetime),
                   ", allowed are 1 second to 10 years, or none at all where "
                   "it is to never expire"));
}

absl::Status ValidateToken(const Token& token) {
  RETURN_IF_ERROR(
      CheckText("request id", token.request_id, 1, kMaxRequestIdLength));
  RETURN_IF_ERROR(CheckName(token.name));
  RETURN_IF_ERROR(CheckRole(token.role));
  RETURN_IF_ERROR(CheckScope(token.scope));
  return CheckText("principal", token.created_by, 0, kMaxPrincipalLength);
}

Token MakeToken(const TokenRequest& request, const Uuid& id,
                const Digest& secret_hash, absl::Time now) {
  return {.id = id,
          .secret_hash = secret_hash,
          .request_id = request.request_id,
          .name = request.name,
          .role = request.role,
          .scope = request.scope,
          .created_by = request.created_by,
          .create_time = now,
          .expire_time = now + request.lifetime.value_or(kDefaultTokenLifetime),
          .revoke_time = std::nullopt};
}

TokenState TokenStateAt(const Token& token, absl::Time now) {
  if (token.revoke_time.has_value()) return TokenState::kRevoked;
  return now >= token.expire_time ? TokenState::kExpired : TokenState::kActive;
}

TokenEntry ToEntry(const Token& token) {
  return {.id = token.id,
          .secret_hash = token.secret_hash,
          .name = token.name,
          .role = token.role,
          .scope = token.scope,
          .expire_time = token.expire_time};
}

std::vector<Uuid> TokensToDrop(const std::vector<const Token*>& tokens,
                               const TokenRetention& retention,
                               absl::Time now) {
  std::vector<std::pair<absl::Time, Uuid>> ended;
  for (const Token* token : tokens) {
    if (TokenStateAt(*token, now) == TokenState::kActive) continue;
    ended.emplace_back(EndOf(*token), token->id);
  }
  std::sort(ended.begin(), ended.end());
  std::vector<Uuid> dropped;
  for (size_t i = 0; i < ended.size(); ++i) {
    const bool too_many = ended.size() - i > retention.max_ended;
    if (!too_many && ended[i].first + retention.max_age > now) break;
    dropped.push_back(ended[i].second);
  }
  return dropped;
}

}  // namespace cairn::maintenance
