#pragma once

#include <ostream>
#include <string>

#include "cairn/maintenance/v1/token_service.pb.h"
#include "client/cli/render/json.h"

namespace cairn::client {

// Tokens for people and programs. What they hold is no secret.

// "reader", "backup", "operator", "admin".
std::string TokenRoleName(maintenance::v1::TokenRole role);
// Unspecified: `name` is none of these.
maintenance::v1::TokenRole ParseTokenRole(const std::string& name);

// "active", "expired", "revoked".
std::string TokenStateName(maintenance::v1::TokenState state);

// RFC 3339 in UTC, or "never".
std::string ExpiryText(const maintenance::v1::Token& token);

Json ToJson(const maintenance::v1::Token& token);
void PrintToken(const maintenance::v1::Token& token, std::ostream& out);

}  // namespace cairn::client
