#include "common/page/random_entries.h"

#include <algorithm>

namespace cairn {

uint64_t Between(uint64_t low, uint64_t high, std::mt19937_64& random) {
  return std::uniform_int_distribution<uint64_t>(low, high)(random);
}

Digest RandomDigest(std::mt19937_64& random) {
  Digest digest;
  for (uint8_t& byte : digest.bytes) byte = static_cast<uint8_t>(random());
  return digest;
}

std::vector<ChunkEntry> RandomEntries(size_t count, std::mt19937_64& random) {
  std::vector<ChunkEntry> entries;
  entries.reserve(count);
  while (entries.size() < count) {
    ChunkEntry entry;
    const uint64_t kind = Between(0, 19, random);
    if (kind == 0 && !entries.empty()) {
      entry = entries.back();
    } else if (kind == 1) {
      entry.is_hole = true;
      entry.length = Between(1, uint64_t{1} << 40, random);
    } else {
      entry.length = Between(1, 4 << 20, random);
      entry.digest = RandomDigest(random);
      if (kind <= 3) entry.repeat = Between(2, 100000, random);
      if (kind >= 3 && kind <= 4) entry.domain.bytes.fill(1 + kind);
    }
    entries.push_back(entry);
  }
  return entries;
}

std::vector<ChunkEntry> SimilarEntries(size_t count, std::mt19937_64& random) {
  std::vector<ChunkEntry> entries;
  for (size_t i = 0; i < count; ++i) {
    ChunkEntry entry;
    if (Between(0, 5, random) == 0) {
      entry.is_hole = true;
      entry.length = Between(1, 9, random);
    } else {
      entry.digest.bytes.fill(static_cast<uint8_t>(Between(1, 8, random)));
      // Mostly a function of the digest, as it is outside of tests.
      entry.length = Between(0, 9, random) == 0 ? Between(1, 4, random)
                                                : entry.digest.bytes[0] % 4 + 1;
      if (Between(0, 3, random) == 0) entry.repeat = Between(2, 6, random);
      if (Between(0, 9, random) == 0) entry.domain.bytes.fill(7);
    }
    entries.push_back(entry);
  }
  return entries;
}

std::vector<ChunkEntry> Clipped(const std::vector<ChunkEntry>& entries,
                                uint64_t begin, uint64_t end) {
  std::vector<ChunkEntry> clipped;
  uint64_t start = 0;
  for (const ChunkEntry& entry : entries) {
    const uint64_t low = std::max(start, begin);
    start += entry.total_length();
    const uint64_t high = std::min(start, end);
    if (low >= high) continue;
    clipped.push_back(entry);
    if (entry.is_hole) {
      clipped.back().length = high - low;
    } else {
      clipped.back().repeat = (high - low) / entry.length;
    }
  }
  return clipped;
}

std::vector<ChunkEntry> Joined(const std::vector<ChunkEntry>& entries) {
  std::vector<ChunkEntry> joined;
  for (const ChunkEntry& entry : entries) {
    ChunkEntry* last = joined.empty() ? nullptr : &joined.back();
    if (last != nullptr && last->is_hole && entry.is_hole) {
      last->length += entry.length;
    } else if (last != nullptr && !last->is_hole && !entry.is_hole &&
               last->length == entry.length && last->domain == entry.domain &&
               last->digest == entry.digest) {
      last->repeat += entry.repeat;
    } else {
      joined.push_back(entry);
    }
  }
  return joined;
}

std::vector<ChunkEntry> SplitAtRandom(const ChunkEntry& entry,
                                      std::mt19937_64& random) {
  std::vector<ChunkEntry> pieces;
  uint64_t rest = entry.is_hole ? entry.length : entry.repeat;
  while (rest > 0) {
    const bool is_last = Between(0, 2, random) == 0;
    const uint64_t part = is_last ? rest : Between(1, rest, random);
    ChunkEntry piece = entry;
    (entry.is_hole ? piece.length : piece.repeat) = part;
    pieces.push_back(piece);
    rest -= part;
  }
  return pieces;
}

}  // namespace cairn
