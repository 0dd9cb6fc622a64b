#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/digest.h"
#include "common/model/uuid.h"
#include "common/token/token_text.h"

namespace cairn {

// Of active tokens; maintenance keeps to it.
inline constexpr size_t kMaxActiveTokens = 10000;
// And of those with what has expired and is still kept.
inline constexpr size_t kMaxTokenEntries = 2 * kMaxActiveTokens;

// A token that is not revoked, as far as it takes to know its callers. A plain
// value.
struct TokenEntry {
  Uuid id;
  Digest secret_hash;
  std::string name;                       // a principal name
  CallerRole role = CallerRole::kReader;  // a role of people
  std::string scope;                      // as in Caller
  absl::Time expire_time = absl::InfiniteFuture();
  friend bool operator==(const TokenEntry&, const TokenEntry&) = default;
};

// Unauthenticated. The same for every token that is not good, so that nobody
// learns which ids there are.
absl::Status UnknownTokenError();

// The tokens of one moment. Immutable, so thread-safe.
class TokenTable {
 public:
  TokenTable() = default;
  // Of entries with the same id the last one counts.
  explicit TokenTable(std::vector<TokenEntry> entries);

  bool Contains(const Uuid& id) const { return entries_.contains(id); }
  size_t size() const { return entries_.size(); }

  // The caller whose token proves itself so: kind kToken, NAME@token, role and
  // scope. UnknownTokenError: there is none, or it is expired at `now`. Takes
  // the same time for each wrong secret.
  absl::StatusOr<Caller> Find(const TokenProof& proof, absl::Time now) const;

 private:
  absl::flat_hash_map<Uuid, TokenEntry> entries_;
};

}  // namespace cairn
