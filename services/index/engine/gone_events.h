#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "services/index/client/sweep_client.h"
#include "services/index/engine/sweep.h"

namespace cairn::index {

// The next events of what is gone in the view of `sweep`, by sequence, after
// `after_sequence`: at most 16, of at most 4 MiB. One for the rows that
// became gone in one batch, with the number that they have in their rows, so
// that the same event comes again until they are removed, in this sweep and
// in later ones: an event is for ever.
absl::StatusOr<GoneEvents> ListGoneEvents(Sweep& sweep,
                                          uint64_t after_sequence);

}  // namespace cairn::index
