#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "common/model/archive.h"
#include "common/model/digest.h"

namespace cairn {

// A number in low..high.
uint64_t Between(uint64_t low, uint64_t high, std::mt19937_64& random);

Digest RandomDigest(std::mt19937_64& random);

// `count` valid entries, mostly different chunks, with some runs, holes,
// domains, and neighbours that the canonical form joins.
std::vector<ChunkEntry> RandomEntries(size_t count, std::mt19937_64& random);

// `count` entries of few different chunks of at most 4 bytes, runs of them,
// and holes: joined ones, equal ones in other places, and cuts are frequent.
std::vector<ChunkEntry> SimilarEntries(size_t count, std::mt19937_64& random);

// What [begin, end) of `entries` holds. Both are chunk boundaries of them.
std::vector<ChunkEntry> Clipped(const std::vector<ChunkEntry>& entries,
                                uint64_t begin, uint64_t end);

// `entries` with all that can be joined joined.
std::vector<ChunkEntry> Joined(const std::vector<ChunkEntry>& entries);

// Entries that join to `entry`: it, cut into pieces at random.
std::vector<ChunkEntry> SplitAtRandom(const ChunkEntry& entry,
                                      std::mt19937_64& random);

}  // namespace cairn
