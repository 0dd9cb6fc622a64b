#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/benchmark/stage_result.h"
#include "client/posix/interrupt.h"
#include "common/time/clock.h"

namespace cairn::client {

// What a backup and a restore do on this machine with each byte, a stage
// after the other on this thread: the cuts of each chunker, SHA-256, zstd in
// and out. There is no other checksum: records carry digests.
// Cancelled: the user interrupted.
absl::StatusOr<std::vector<StageResult>> MeasureLocalStages(
    const BenchmarkSize& size, const Clock& clock, const Interrupt& interrupt);

}  // namespace cairn::client
