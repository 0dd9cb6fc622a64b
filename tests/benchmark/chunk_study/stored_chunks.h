#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/digest.h"

namespace cairn::study {

// Where a record would stand if each were appended to the open pack of one
// session. Only lengths are kept, no bytes.
struct StoredChunk {
  uint32_t number = 0;  // in the order of storing
  uint32_t pack = 0;
  uint64_t offset = 0;  // of its header
  uint32_t stored_length = 0;
  uint32_t plain_length = 0;
};

// What an archive added.
struct StoredGrowth {
  uint64_t chunks = 0;
  uint64_t plain_bytes = 0;
  // In packs: header, payload, padding, and the line of the footer.
  uint64_t stored_bytes = 0;
  absl::Duration compress_cpu;
  absl::Duration decode_cpu;  // what a restore pays: decode and prove
};

// The chunks of a datastore, each stored once, as EncodeChunk encodes them.
class StoredChunks {
 public:
  explicit StoredChunks(int zstd_level) : zstd_level_(zstd_level) {}

  // `entries` are those of `bytes`. DataLoss: one does not decode to itself.
  absl::StatusOr<StoredGrowth> Add(std::string_view bytes,
                                   const std::vector<ChunkEntry>& entries);

  // The chunks of `entries`, all of which are stored, in their order.
  std::vector<StoredChunk> Find(const std::vector<ChunkEntry>& entries) const;

  const absl::flat_hash_map<Digest, StoredChunk>& all() const {
    return chunks_;
  }

 private:
  absl::Status Store(std::string_view plain, const Digest& digest,
                     StoredGrowth& growth);

  const int zstd_level_;
  absl::flat_hash_map<Digest, StoredChunk> chunks_;
  uint32_t pack_ = 1;
  uint64_t pack_end_ = 0;  // 0: nothing is in it yet
};

}  // namespace cairn::study
