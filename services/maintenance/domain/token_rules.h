#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/digest.h"
#include "common/model/uuid.h"
#include "common/token/token_table.h"

// What a bearer token is, how long it is good, and how long it is listed.
namespace cairn::maintenance {

inline constexpr absl::Duration kDefaultTokenLifetime = absl::Hours(24 * 90);
inline constexpr absl::Duration kMinTokenLifetime = absl::Seconds(1);
inline constexpr absl::Duration kMaxTokenLifetime = absl::Hours(24 * 3653);

enum class TokenState : uint8_t {
  kActive = 1,
  kExpired = 2,
  kRevoked = 3,  // whether or not its time is over too
};
inline constexpr TokenState kTokenStates[] = {
    TokenState::kActive, TokenState::kExpired, TokenState::kRevoked};
std::string_view TokenStateName(TokenState state);  // "unknown" for no state

// "backup", of a role of people; "unknown" for any other.
std::string_view TokenRoleName(CallerRole role);

// What is asked for when a token is made.
struct TokenRequest {
  std::string request_id;  // 1..128 printable bytes
  std::string name;        // a principal name
  CallerRole role = CallerRole::kNone;
  std::string scope;  // resource name of a datastore or namespace; or empty
  // None: kDefaultTokenLifetime. InfiniteDuration: it never expires.
  std::optional<absl::Duration> lifetime;
  std::string created_by;  // printable, at most 256 bytes
};

// A token as it is kept. Times are whole nanoseconds.
struct Token {
  Uuid id;
  Digest secret_hash;
  std::string request_id;
  std::string name;
  CallerRole role = CallerRole::kNone;
  std::string scope;
  std::string created_by;
  absl::Time create_time;
  absl::Time expire_time = absl::InfiniteFuture();
  std::optional<absl::Time> revoke_time;
  friend bool operator==(const Token&, const Token&) = default;
};

// InvalidArgument names the field, what was found and what is allowed.
absl::Status ValidateTokenRequest(const TokenRequest& request);
// The same for a token that was read.
absl::Status ValidateToken(const Token& token);

// The token that a valid request makes at `now`.
Token MakeToken(const TokenRequest& request, const Uuid& id,
                const Digest& secret_hash, absl::Time now);

TokenState TokenStateAt(const Token& token, absl::Time now);
TokenEntry ToEntry(const Token& token);

// How long tokens stay that are expired or revoked.
struct TokenRetention {
  size_t max_ended = 1000;
  absl::Duration max_age = absl::Hours(24 * 30);
};
// The ids of those of `tokens` that are to go at `now`: what ended too long
// ago, then the oldest that are too many. Never an active one.
std::vector<Uuid> TokensToDrop(const std::vector<const Token*>& tokens,
                               const TokenRetention& retention, absl::Time now);

}  // namespace cairn::maintenance
