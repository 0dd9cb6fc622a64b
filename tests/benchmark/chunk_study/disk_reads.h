#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "common/time/clock.h"

namespace cairn::study {

struct DiskReads {
  uint64_t chunk_bytes = 0;
  double random_bytes_per_second = 0;
  double stream_bytes_per_second = 0;
  bool is_cold = false;  // the page cache was dropped before each
};

// Records of each of `sizes` read one by one from a file of `file_bytes`
// below TMPDIR, in random order and in theirs: medians of `rounds`, which go
// through all sizes in turn. At most `max_reads` at random.
absl::StatusOr<std::vector<DiskReads>> MeasureDiskReads(
    FileSystem& files, const Clock& clock, const std::vector<uint32_t>& sizes,
    uint64_t file_bytes, uint32_t max_reads, int rounds);

}  // namespace cairn::study
