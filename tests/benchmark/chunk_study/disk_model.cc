#include "tests/benchmark/chunk_study/disk_model.h"

#include <algorithm>
#include <tuple>

#include "common/pack/pack_format.h"

namespace cairn::study {

ModelReads ReadInOrder(const DiskModel& disk,
                       std::span<const StoredChunk> chunks) {
  ModelReads reads;
  uint32_t pack = 0;
  uint64_t head = 0;
  for (const StoredChunk& chunk : chunks) {
    const uint64_t extent = RecordExtent(chunk.stored_length);
    double wait = disk.seek_seconds;
    if (chunk.pack == pack && chunk.offset >= head) {
      wait = std::min(wait, static_cast<double>(chunk.offset - head) /
                                disk.bytes_per_second);
    }
    if (wait == disk.seek_seconds) ++reads.seeks;
    reads.seconds += wait + static_cast<double>(extent) / disk.bytes_per_second;
    reads.bytes += extent;
    pack = chunk.pack;
    head = chunk.offset + extent;
  }
  return reads;
}

std::vector<StoredChunk> InWindows(std::vector<StoredChunk> chunks,
                                   uint64_t window_bytes) {
  const auto by_place = [](const StoredChunk& a, const StoredChunk& b) {
    return std::tie(a.pack, a.offset) < std::tie(b.pack, b.offset);
  };
  auto begin = chunks.begin();
  while (begin != chunks.end()) {
    uint64_t bytes = 0;
    auto end = begin;
    for (; end != chunks.end(); ++end) {
      bytes += end->stored_length;
      if (bytes > window_bytes && end != begin) break;
    }
    std::sort(begin, end, by_place);
    begin = end;
  }
  return chunks;
}

}  // namespace cairn::study
