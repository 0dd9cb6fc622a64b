#include "common/wire/token.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "common/model/principal_name.h"
#include "common/status/status_macros.h"
#include "common/text/quote.h"
#include "common/token/token_text.h"
#include "common/wire/scalars.h"

namespace cairn {

namespace v1 = maintenance::v1;

v1::TokenRole ToProto(CallerRole role) {
  switch (role) {
    case CallerRole::kReader:
      return v1::TOKEN_ROLE_READER;
    case CallerRole::kBackup:
      return v1::TOKEN_ROLE_BACKUP;
    case CallerRole::kOperator:
      return v1::TOKEN_ROLE_OPERATOR;
    case CallerRole::kAdmin:
      return v1::TOKEN_ROLE_ADMIN;
    default:
      return v1::TOKEN_ROLE_UNSPECIFIED;
  }
}

absl::StatusOr<CallerRole> TokenRoleFromProto(std::string_view field,
                                              v1::TokenRole role) {
  switch (role) {
    case v1::TOKEN_ROLE_READER:
      return CallerRole::kReader;
    case v1::TOKEN_ROLE_BACKUP:
      return CallerRole::kBackup;
    case v1::TOKEN_ROLE_OPERATOR:
      return CallerRole::kOperator;
    case v1::TOKEN_ROLE_ADMIN:
      return CallerRole::kAdmin;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          field, " is ", static_cast<int>(role),
          ", allowed are TOKEN_ROLE_READER, _BACKUP, _OPERATOR and _ADMIN"));
  }
}

v1::TokenEntry ToProto(const TokenEntry& entry) {
  v1::TokenEntry proto;
  proto.set_id(FormatTokenId(entry.id));
  proto.set_secret_hash(std::string(entry.secret_hash.view()));
  proto.set_name(entry.name);
  proto.set_role(ToProto(entry.role));
  proto.set_scope(entry.scope);
  if (entry.expire_time != absl::InfiniteFuture()) {
    *proto.mutable_expire_time() = TimeToProto(entry.expire_time);
  }
  return proto;
}

absl::StatusOr<TokenEntry> FromProto(const v1::TokenEntry& proto) {
  TokenEntry entry;
  const std::optional<Uuid> id = ParseTokenId(proto.id());
  if (!id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("id is ", Quote(proto.id()), ", which is no token's id"));
  }
  entry.id = *id;
  ASSIGN_OR_RETURN(entry.secret_hash,
                   DigestFromProto("secret_hash", proto.secret_hash()));
  if (!IsPrincipalName(proto.name())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "name is ", Quote(proto.name()), ", which is no principal's name"));
  }
  entry.name = proto.name();
  ASSIGN_OR_RETURN(entry.role, TokenRoleFromProto("role", proto.role()));
  if (!proto.scope().empty()) {
    RETURN_IF_ERROR(
        NameFromProto<NamespaceName>("scope", proto.scope()).status());
    entry.scope = proto.scope();
  }
  if (proto.has_expire_time()) {
    ASSIGN_OR_RETURN(entry.expire_time,
                     TimeFromProto("expire_time", proto.expire_time()));
  }
  return entry;
}

}  // namespace cairn
