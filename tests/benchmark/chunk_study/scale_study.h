#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/benchmark/chunk_study/table.h"

namespace cairn::study {

// What 10 TiB of different chunks cost beside their payload, by the size of
// chunks: places of a million chunks in RocksDB and a mark of `references`
// different chunks are measured, and multiplied.
absl::StatusOr<std::vector<Table>> StudyScale(
    const std::vector<uint32_t>& chunk_sizes, uint32_t page_mean,
    uint64_t references);

}  // namespace cairn::study
