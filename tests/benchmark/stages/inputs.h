#pragma once

#include <cstddef>
#include <vector>

#include "common/model/archive.h"
#include "common/random/sample_input.h"

// Inputs of the benchmarks: the same in every run.
namespace cairn {

// `count` different chunks, as of a stream without repeats.
std::vector<ChunkEntry> MakeEntries(size_t count);

}  // namespace cairn
