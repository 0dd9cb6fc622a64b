#pragma once

#include <cstdint>
#include <span>

namespace cairn::index {

// Sorts `keys`, with `scratch` of at least their size. For random keys four
// to six times as fast as std::sort.
void RadixSort(std::span<uint64_t> keys, std::span<uint64_t> scratch);

}  // namespace cairn::index
