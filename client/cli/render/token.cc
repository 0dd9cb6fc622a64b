#include "client/cli/render/token.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"

namespace cairn::client {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else

std::string TokenRoleName(TokenRole role) {
  return WithoutPrefix(TokenRole_Name(role), "TOKEN_ROLE_");
}

TokenRole ParseTokenRole(const std::string& name) {
  TokenRole role = TOKEN_ROLE_UNSPECIFIED;
  TokenRole_Parse(absl::StrCat("TOKEN_ROLE_", absl::AsciiStrToUpper(name)),
                  &role);
  return role;
}

std::string TokenStateName(TokenState state) {
  return WithoutPrefix(TokenState_Name(state), "TOKEN_STATE_");
}

std::string ExpiryText(const Token& token) {
  return token.has_expire_time() ? FormatTime(token.expire_time()) : "never";
}

Json ToJson(const Token& token) {
  return {
      {"id", token.id()},
      {"name", token.name()},
      {"role", TokenRoleName(token.role())},
      {"scope", TextOrNull(token.scope())},
      {"state", TokenStateName(token.state())},
      {"create_time", TimeOrNull(token.has_create_time(), token.create_time())},
      {"expire_time", TimeOrNull(token.has_expire_time(), token.expire_time())},
      {"revoke_time", TimeOrNull(token.has_revoke_time(), token.revoke_time())},
      {"created_by", token.created_by()}};
}

void PrintToken(const Token& token, std::ostream& out) {
  out << "token    " << Printable(token.name()) << " (" << Printable(token.id())
      << ")\n"
      << "role     " << TokenRoleName(token.role()) << "\n"
      << "scope    "
      << (token.scope().empty() ? "everything" : Printable(token.scope()))
      << "\n"
      << "expires  " << ExpiryText(token) << "\n";
}

}  // namespace cairn::client
