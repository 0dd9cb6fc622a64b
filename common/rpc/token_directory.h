#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/call.h"

namespace cairn {

// Who stands behind a bearer token. Implementations: of maintenance, which
// keeps the tokens, and of ingest, which asks maintenance. Thread-safe.
class TokenDirectory {
 public:
  // Called exactly once, on any thread, before Find returns or later.
  using Done = std::function<void(absl::StatusOr<Caller>)>;
  static constexpr size_t kMaxTokenBytes = 128;

  virtual ~TokenDirectory() = default;

  // `token`: what follows "Bearer ", untrusted, of any length. Does not block.
  // The caller has kind kToken, a role of people, and its scope.
  // Unauthenticated: no such token, or it is expired or revoked; the message
  // does not tell which. Unavailable: it can not be told now; a token is never
  // taken for good without a directory's word that is younger than a minute.
  virtual void Find(std::string_view token, Done done) = 0;

  // What Find would answer before it returns; nothing if somebody must be
  // asked, for whom Find is then called. Does not block.
  virtual std::optional<absl::StatusOr<Caller>> FindNow(
      std::string_view token) = 0;
};

}  // namespace cairn
