#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn::study {

struct LevelCost {
  uint64_t plain_bytes = 0;
  uint64_t stored_bytes = 0;
  uint64_t raw_chunks = 0;
  absl::Duration compress_cpu;
  absl::Duration decompress_cpu;
};

// Each chunk as EncodeChunk would do it, at any level of zstd, those below
// zero too.
absl::StatusOr<LevelCost> MeasureLevel(std::span<const std::string_view> chunks,
                                       int level);

// A quick look that tells chunks that do not compress: `pieces` pieces spread
// over the chunk, `sample_bytes` together, compressed at `probe_level`. What
// saves less than 1/32 of the sample is stored raw.
struct Probe {
  std::string_view name;
  uint32_t sample_bytes = 0;
  uint32_t pieces = 1;
  int probe_level = 1;
};

struct ProbeCost {
  uint64_t chunks = 0;
  uint64_t skipped_chunks = 0;
  uint64_t raw_chunks = 0;     // without a probe
  absl::Duration probe_cpu;    // of all chunks
  absl::Duration full_cpu;     // of all chunks without a probe
  absl::Duration skipped_cpu;  // of those skipped, without a probe
  uint64_t stored_bytes = 0;   // without a probe
  uint64_t lost_bytes = 0;     // that skipped chunks take more
};

ProbeCost MeasureProbe(std::span<const std::string_view> chunks,
                       const Probe& probe, int level);

}  // namespace cairn::study
