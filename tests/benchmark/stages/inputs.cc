#include "tests/benchmark/stages/inputs.h"

#include <cstdint>
#include <random>

namespace cairn {

std::vector<ChunkEntry> MakeEntries(size_t count) {
  std::mt19937_64 random(3);
  std::vector<ChunkEntry> entries(count);
  for (ChunkEntry& entry : entries) {
    entry.length = (256 << 10) + random() % (3 << 20);
    for (uint8_t& byte : entry.digest.bytes) {
      byte = static_cast<uint8_t>(random());
    }
  }
  return entries;
}

}  // namespace cairn
