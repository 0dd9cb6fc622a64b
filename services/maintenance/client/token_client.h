#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/token/token_table.h"

namespace cairn {

// The tokens that are not revoked, as of one moment of maintenance.
struct TokenCopy {
  std::string version;     // opaque, 1..64 bytes
  bool unchanged = false;  // the asker's version is the newest; no entries then
  std::vector<TokenEntry> entries;
};

// What another service learns of the tokens that maintenance keeps. In the
// process of maintenance nobody needs it: there the one directory is asked.
// Thread-safe.
class TokenClient {
 public:
  virtual ~TokenClient() = default;

  // All of them, at most kMaxTokenEntries, unless `known_version`, from
  // a former answer, is still that of maintenance; empty: none is known.
  // Unavailable, DeadlineExceeded: maintenance could not be asked.
  // DataLoss: its answer is none.
  virtual absl::StatusOr<TokenCopy> ReadTokens(
      const Call& call, std::string_view known_version) = 0;
};

}  // namespace cairn
