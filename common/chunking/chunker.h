#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"

namespace cairn {

// Finds where the bytes of an archive are cut. Pure: the boundaries depend on
// the bytes since the last boundary, its offset and the parameters, never on
// how the bytes arrive or on any chunk before. So a chunker may be restarted at
// any boundary. A new one is at the archive's start. Not thread-safe.
class Chunker {
 public:
  virtual ~Chunker() = default;

  // Takes in the next bytes of the current chunk. Returns how many of
  // `bytes` belong to the current chunk if it ends among them (1..size; the
  // chunker is then at the start of a new chunk and the caller passes the
  // rest), or 0 if the chunk goes on past all of `bytes` (all are taken in).
  virtual size_t Scan(std::string_view bytes) = 0;

  // Forgets the bytes of the current chunk: the next byte starts a chunk, at
  // `offset` of the archive.
  virtual void Reset(uint64_t offset) = 0;
};

// "fixed-v1": a boundary at each offset that is a multiple of average_bytes
//   (min = average = max), so that what begins or ends at a hole, which is a
//   boundary too, moves no other one.
// "poly-v1": content-defined by a polynomial hash of the last 64 bytes, made
//   for vector instructions, with normalised cuts (Xia et al., "FastCDC",
//   USENIX ATC 2016): no cut below min_bytes, a stricter test below
//   average_bytes, a looser one above it, a forced cut at max_bytes.
//   poly_chunker.h and poly_scan.h have the whole rule; its numbers are part
//   of the name.
// InvalidArgument: unknown name; sizes not powers of two within
// 4 KiB..16 MiB, or not min <= average <= max (poly: min < average < max).
absl::Status ValidateChunkerSpec(const ChunkerSpec& spec);
absl::StatusOr<std::unique_ptr<Chunker>> NewChunker(const ChunkerSpec& spec);

// The chunker for a new archive that has no base: streams poly-v1 64 KiB,
// 256 KiB, 1 MiB; images fixed-v1 256 KiB; blobs fixed-v1 16 MiB, so that a
// blob is one chunk. By measurement: ARCHITECTURE.md, "Chunk and page sizes".
ChunkerSpec DefaultChunkerSpec(ArchiveKind kind);

}  // namespace cairn
