#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/model/archive.h"
#include "common/model/digest.h"

// What a client names instead of sending it.
namespace cairn::ingest {

// Entries that one reuse may name.
inline constexpr size_t kMaxReuseEntries = 4096;
// Chunks sent before that one may be named by.
inline constexpr uint64_t kMaxSentChunks = 65536;

// FailedPrecondition (REUSE_REFUSED): what was named for the bytes
// [offset, offset + length) of the archive that is written, which metadata
// "offset" and "length" say, is not to be had.
absl::Status ReuseRefused(absl::string_view why, uint64_t offset,
                          uint64_t length);

// The parts of `entries` within [offset, offset + length): a run is cut
// between repetitions, a hole at any byte. `entries` follow each other and
// cover the range; length > 0. InvalidArgument (CHUNK_MISMATCH): the range
// begins or ends inside a chunk.
absl::StatusOr<std::vector<ChunkEntry>> CutToRange(
    std::span<const PlacedEntry> entries, uint64_t offset, uint64_t length);

// What a client's check must be: SHA-256 over, for each entry, length and
// repeat (8 bytes each, little endian) and digest.
Digest CheckOfEntries(std::span<const ChunkEntry> entries);

// The last kMaxSentChunks chunks of a stream, by their number, from 0. Pure;
// not thread-safe.
class SentChunks {
 public:
  // What it holds at most.
  static constexpr uint64_t kMaxBytes = kMaxSentChunks * 40;

  void Add(uint64_t length, const Digest& digest);

  // `length` bytes of chunk `number` in a row. InvalidArgument: it was not
  // sent, is too long ago, or `length` is no multiple of its length.
  absl::StatusOr<ChunkEntry> Find(uint64_t number, uint64_t length) const;

  uint64_t count() const { return count_; }

 private:
  struct Sent {
    Digest digest;
    uint64_t length = 0;
  };
  static_assert(sizeof(Sent) == 40);

  uint64_t count_ = 0;
  std::vector<Sent> ring_;  // of chunk n at n modulo kMaxSentChunks
};

}  // namespace cairn::ingest
