#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/record.h"
#include "services/ingest/domain/stream_rules.h"

namespace cairn::ingest {

// What an encoding may add to the plain bytes.
inline constexpr uint64_t kMaxEncodingGrowth =
    kMaxRecordStoredBytes - kMaxRecordPlainBytes;

// A chunk that a client has cut, hashed and encoded, as it says.
struct ChunkHeader {
  uint64_t offset = 0;  // in the archive
  uint64_t length = 0;  // plain bytes of one repetition
  uint64_t repeat = 1;
  Digest digest;  // of the plain bytes
  Encoding encoding = Encoding::kRaw;
  uint64_t stored_length = 0;  // bytes of the whole payload
};

// The order, offsets and lengths of the messages that write one archive as
// chunks (BackupService.WriteChunks). A message that is refused changes
// nothing. Pure; not thread-safe.
//
// Every message: InvalidArgument after End, or if a payload is not whole and
// it is no fragment of it. OutOfRange (OFFSET_MISMATCH, metadata "expected"):
// its offset is not where the archive stands.
class ChunkStreamRules {
 public:
  // `start` is the durable offset at which the archive goes on; no chunk is
  // longer than `max_chunk_bytes`, at most kMaxRecordPlainBytes.
  ChunkStreamRules(ArchiveKind kind, uint64_t max_chunk_bytes, uint64_t start)
      : kind_(kind), max_chunk_bytes_(max_chunk_bytes), order_(kind, start) {}

  // A chunk with the first bytes of its payload. InvalidArgument: a length, a
  // repeat or a payload out of its bounds, an encoding that is not taken, or
  // more than an archive of its kind may hold; a blob is one chunk.
  // InvalidArgument (CHUNK_MISMATCH): raw, and stored in another length.
  absl::Status Chunk(const ChunkHeader& header, uint64_t payload_bytes);
  // InvalidArgument: no payload lacks so much.
  absl::Status Fragment(uint64_t bytes);
  // Bytes that stand elsewhere already. In a blob they are all of it.
  absl::Status Reuse(uint64_t offset, uint64_t length);
  // Never in a blob.
  absl::Status Hole(uint64_t offset, uint64_t length);
  absl::Status Flush() const;
  // OutOfRange (OFFSET_MISMATCH): the archive has another size.
  absl::Status End(uint64_t size_bytes);

  // Where the archive stands, with the chunk whose payload comes.
  uint64_t position() const { return order_.position(); }
  // What the payload of the last chunk lacks.
  uint64_t missing_bytes() const { return missing_bytes_; }

 private:
  absl::Status CheckWhole() const;
  absl::Status CheckRoom() const;
  absl::Status CheckChunk(const ChunkHeader& header,
                          uint64_t payload_bytes) const;

  const ArchiveKind kind_;
  const uint64_t max_chunk_bytes_;
  StreamRules order_;
  uint64_t missing_bytes_ = 0;
};

}  // namespace cairn::ingest
