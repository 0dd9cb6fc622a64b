#pragma once

#include "absl/status/status.h"

namespace cairn {

// What the answer to a question, asked only to see whether there is one, says
// of the peer. OK: it works, whatever it answered. Else `answer`: it was not
// reached, was too slow, or does not let us in.
inline absl::Status PeerAnswered(const absl::Status& answer) {
  const bool away =
      absl::IsUnavailable(answer) || absl::IsDeadlineExceeded(answer) ||
      absl::IsPermissionDenied(answer) || absl::IsUnauthenticated(answer);
  return away ? answer : absl::OkStatus();
}

}  // namespace cairn
