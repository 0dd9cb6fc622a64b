#include "services/maintenance/storage/token_store.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/token_row.pb.h"
#include "common/status/status_macros.h"
#include "services/maintenance/storage/row_key.h"

namespace cairn::maintenance {
namespace {

constexpr std::string_view kTable = "tokens";

std::string Encode(const Token& token) {
  record::v1::TokenRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_request_id(token.request_id);
  row.set_name(token.name);
  row.set_role(static_cast<uint32_t>(token.role));
  row.set_scope(token.scope);
  row.set_secret_hash(std::string(token.secret_hash.view()));
  row.set_created_by(token.created_by);
  row.set_create_time_nanos(absl::ToUnixNanos(token.create_time));
  if (token.expire_time != absl::InfiniteFuture()) {
    row.set_expire_time_nanos(absl::ToUnixNanos(token.expire_time));
  }
  if (token.revoke_time.has_value()) {
    row.set_revoke_time_nanos(absl::ToUnixNanos(*token.revoke_time));
  }
  return row.SerializeAsString();
}

absl::StatusOr<Token> Decode(std::string_view key, std::string_view value) {
  record::v1::TokenRow row;
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return BadRow(kTable, key, "the value cannot be parsed");
  }
  RETURN_IF_ERROR(CheckRowVersion(kTable, key, row.format_version()));
  const absl::StatusOr<Uuid> id = Uuid::FromBytes(key);
  const absl::StatusOr<Digest> hash = Digest::FromBytes(row.secret_hash());
  for (const absl::Status& parsed : {id.status(), hash.status()}) {
    if (!parsed.ok()) return BadRow(kTable, key, parsed.message());
  }
  Token token;
  token.id = *id;
  token.secret_hash = *hash;
  token.request_id = row.request_id();
  token.name = row.name();
  // One byte here and more in a row; out of range stays out of range.
  token.role = static_cast<CallerRole>(row.role() > 0xFF ? 0 : row.role());
  token.scope = row.scope();
  token.created_by = row.created_by();
  token.create_time = absl::FromUnixNanos(row.create_time_nanos());
  if (row.expire_time_nanos() != 0) {
    token.expire_time = absl::FromUnixNanos(row.expire_time_nanos());
  }
  if (row.revoke_time_nanos() != 0) {
    token.revoke_time = absl::FromUnixNanos(row.revoke_time_nanos());
  }
  const absl::Status valid = ValidateToken(token);
  if (!valid.ok()) return BadRow(kTable, key, valid.message());
  return token;
}

}  // namespace

void TokenBatch::Put(const Token& token) {
  batch_.Put(table_, std::string(token.id.view()), Encode(token));
}

void TokenBatch::Remove(const Uuid& id) {
  batch_.Remove(table_, std::string(id.view()));
}

std::vector<std::string> TokenStore::TableNames() {
  return {std::string(kTable)};
}

absl::StatusOr<std::vector<Token>> TokenStore::Load() const {
  std::vector<Token> tokens;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::unique_ptr<KvCursor> row = view->Scan(table_, "", "");
  for (; row->Valid(); row->Next()) {
    ASSIGN_OR_RETURN(Token token, Decode(row->key(), row->value()));
    tokens.push_back(std::move(token));
  }
  RETURN_IF_ERROR(row->status());
  return tokens;
}

absl::Status TokenStore::Commit(const TokenBatch& batch) {
  return kv_->Commit(batch.batch_, Durability::kSynced);
}

}  // namespace cairn::maintenance
