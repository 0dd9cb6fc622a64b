#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/benchmark/chunk_study/stored_chunks.h"

namespace cairn::study {

// The disk of the seeds' formula, one reader: AST to go elsewhere, MRS of
// transfer. Time is counted and not waited for.
struct DiskModel {
  std::string_view name;
  double seek_seconds = 0;      // AST
  double bytes_per_second = 0;  // MRS

  // ACS / (AST + ACS / MRS), in bytes a second.
  double FormulaSpeed(double chunk_bytes) const {
    return chunk_bytes / (seek_seconds + chunk_bytes / bytes_per_second);
  }
};

struct ModelReads {
  uint64_t seeks = 0;
  uint64_t bytes = 0;  // of records
  double seconds = 0;
};

// Reads the records of `chunks` in this order. Going on where the last one
// ended is free; a gap ahead in the same pack is read over where that is
// faster than AST.
ModelReads ReadInOrder(const DiskModel& disk,
                       std::span<const StoredChunk> chunks);

// As Get of chunk_storage orders its reads: those of a window of stored bytes
// by their place.
std::vector<StoredChunk> InWindows(std::vector<StoredChunk> chunks,
                                   uint64_t window_bytes);

}  // namespace cairn::study
