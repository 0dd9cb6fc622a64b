#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/digest.h"
#include "common/model/record.h"

namespace cairn {

// On disk and on the wire: never reuse a number.
enum class ArchiveKind : uint8_t {
  kStream = 1,  // cut by content
  kImage = 2,   // cut at fixed sizes
  kBlob = 3,    // one chunk, at most kMaxRecordPlainBytes
};
std::string_view ArchiveKindName(ArchiveKind kind);

// Which chunker cut an archive, with what parameters. Stored with each
// archive: a new snapshot of a group uses its base's, so that boundaries
// meet. Names: "fixed-v1" (min = average = max), "poly-v1".
struct ChunkerSpec {
  std::string name;
  uint32_t min_bytes = 0;
  uint32_t average_bytes = 0;
  uint32_t max_bytes = 0;
  friend bool operator==(const ChunkerSpec&, const ChunkerSpec&) = default;
};

// A run of an archive, in order: `repeat` times the same `length` bytes.
// A hole reads as zeros and has no chunk; its repeat is 1 and its length
// may be as large as the archive.
struct ChunkEntry {
  bool is_hole = false;
  uint64_t length = 0;  // plain bytes of one repetition, > 0
  uint64_t repeat = 1;  // > 0
  Domain domain;        // of the chunk; zero for a hole
  Digest digest;        // of the chunk; zero for a hole
  uint64_t total_length() const { return length * repeat; }
  friend bool operator==(const ChunkEntry&, const ChunkEntry&) = default;
};

// An entry and where in the archive its first byte stands.
struct PlacedEntry {
  uint64_t offset = 0;
  ChunkEntry entry;
  friend bool operator==(const PlacedEntry&, const PlacedEntry&) = default;
};

// The root of an archive's tree of pages (common/page/page.h).
struct PageRoot {
  Digest page;               // id of the root page
  uint32_t level = 0;        // 0: the root is a leaf page
  uint64_t size_bytes = 0;   // logical length of the archive
  uint64_t chunk_count = 0;  // chunk references, repeats counted, holes not
  uint64_t hole_bytes = 0;   // of size_bytes, how many are holes
  friend bool operator==(const PageRoot&, const PageRoot&) = default;
};

// One archive of a snapshot, complete.
struct Archive {
  std::string name;
  ArchiveKind kind = ArchiveKind::kStream;
  ChunkerSpec chunker;
  PageRoot root;
  friend bool operator==(const Archive&, const Archive&) = default;
};

}  // namespace cairn
