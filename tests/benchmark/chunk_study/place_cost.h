#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace cairn::study {

struct PlaceCost {
  double row_bytes = 0;       // key and value, as encoded
  double disk_bytes = 0;      // of tables and log of RocksDB, a place
  absl::Duration insert_cpu;  // a place, this thread
  absl::Duration scan_cpu;    // a place, by a walk over all
};

// A million places of chunks of about this size, in packs of 256 MiB, in a
// RocksDB as chunk_storage makes it, below TMPDIR.
PlaceCost MeasurePlaces(uint32_t chunk_bytes);

}  // namespace cairn::study
