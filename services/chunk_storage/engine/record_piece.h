#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pack/pack_format.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/engine/pack_set.h"

namespace cairn::chunk_storage {

// Records of a pack that lie near each other, read at once.
struct RecordPiece {
  size_t first = 0;  // index of the first record, of how many
  size_t count = 0;
  uint64_t offset = 0;  // bytes of the file
  uint64_t length = 0;
};

// Cuts `records`, by ascending offset, into pieces of at most `max_bytes` or
// one record. What lies between records is read too if it is little.
std::vector<RecordPiece> CutPieces(std::span<const PlacedRecord> records,
                                   uint64_t max_bytes);

// How many of `pieces`, from the first on, have at most `max_bytes` together;
// at least one, if there is one.
size_t BatchSize(std::span<const RecordPiece> pieces, uint64_t max_bytes);

// A record whose header proves and is that of its key and place; the payload
// is not proved.
struct ReadRecord {
  RecordHeader header;
  std::string_view payload;
};
// One result for each record of `records` that was read. DataLoss: it is not
// there. `bytes` holds the payloads.
struct ReadPiece {
  std::string bytes;
  std::vector<std::string> alone;  // of records that had to be read alone
  std::vector<absl::StatusOr<ReadRecord>> records;
};
// Other codes than DataLoss end the read.
absl::StatusOr<ReadPiece> ReadRecords(const PackSet::FileOfPack& pack,
                                      std::span<const PlacedRecord> records,
                                      const RecordPiece& piece);

// Finds the digest of each payload and turns the results of those that have
// another one into DataLoss. `records`: of all pieces, one after the other;
// the more there are at a time, the faster are their digests.
void ProvePayloads(const Uuid& pack, std::span<const PlacedRecord> records,
                   std::span<ReadPiece> pieces);

}  // namespace cairn::chunk_storage
