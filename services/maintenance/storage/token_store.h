#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/token_rules.h"

namespace cairn::maintenance {

// Changes that take effect together. Made by TokenStore::NewBatch.
class TokenBatch {
 public:
  void Put(const Token& token);
  void Remove(const Uuid& id);

  // For new tokens, which have to wait until there is space. A revocation
  // passes the free-space gate.
  void HoldAtGate() { batch_.set_passes_gate(false); }

 private:
  friend class TokenStore;
  explicit TokenBatch(KvTable table) : table_(table) {
    batch_.set_passes_gate(true);
  }

  KvTable table_;
  KvBatch batch_;
};

// Durable home of tokens, without their secrets, over one table of a KvStore:
//   tokens  {16 bytes id}  →  record.v1.TokenRow
// Thread-safe.
class TokenStore {
 public:
  static std::vector<std::string> TableNames();

  // `kv` has the table at `table`, and outlives the store.
  TokenStore(KvStore* kv, KvTable table) : kv_(kv), table_(table) {}

  TokenBatch NewBatch() const { return TokenBatch(table_); }

  // By id. DataLoss names a row that cannot be read.
  absl::StatusOr<std::vector<Token>> Load() const;

  // Durable when it returns.
  absl::Status Commit(const TokenBatch& batch);

 private:
  KvStore* const kv_;
  const KvTable table_;
};

}  // namespace cairn::maintenance
