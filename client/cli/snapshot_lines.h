#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"
#include "common/prune/prune_selection.h"

namespace cairn::client {

inline constexpr size_t kMaxSnapshotLines = 1'000'000;
inline constexpr size_t kMaxSnapshotLineBytes = 4096;

// Reads snapshots of a group, a JSON object a line:
//
//   {"time":"2020-11-29T00:00:00Z","protected":false,"finished":true}
//
// `time` as in names of snapshots; `protected` is false if it is left out,
// `finished` true, and there is nothing else. Lines of blanks say nothing.
// `name` is for errors. InvalidArgument: not of this form, a line of more than
// kMaxSnapshotLineBytes, or more snapshots than kMaxSnapshotLines. Else the
// producer's errors.
absl::StatusOr<std::vector<PruneSnapshot>> ReadSnapshotLines(
    ByteProducer& producer, std::string_view name);

}  // namespace cairn::client
