#include "common/token/token_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/constant_time.h"

namespace cairn {

absl::Status UnknownTokenError() {
  return absl::UnauthenticatedError(
      "token is not known, or it is expired or revoked; ask an administrator "
      "for another");
}

TokenTable::TokenTable(std::vector<TokenEntry> entries) {
  entries_.reserve(entries.size());
  for (TokenEntry& entry : entries) {
    const Uuid id = entry.id;
    entries_.insert_or_assign(id, std::move(entry));
  }
}

absl::StatusOr<Caller> TokenTable::Find(const TokenProof& proof,
                                        absl::Time now) const {
  const auto found = entries_.find(proof.id);
  if (found == entries_.end() ||
      !EqualInConstantTime(found->second.secret_hash, proof.secret_hash) ||
      now >= found->second.expire_time) {
    return UnknownTokenError();
  }
  const TokenEntry& entry = found->second;
  return Caller{.kind = CallerKind::kToken,
                .role = entry.role,
                .principal = absl::StrCat(entry.name, "@token"),
                .scope = entry.scope};
}

}  // namespace cairn
