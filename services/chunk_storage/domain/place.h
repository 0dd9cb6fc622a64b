#pragma once

#include <cstdint>

#include "common/model/record.h"
#include "common/pack/pack_format.h"

namespace cairn::chunk_storage {

// Where a record is. Packs are named by a number that is unique in their
// datastore while they exist.
struct Place {
  uint32_t pack = 0;
  uint32_t ordinal = 0;  // among the pack's records, in order of offset
  uint64_t offset = 0;   // of the record's header, in bytes
  uint32_t stored_length = 0;
  uint32_t plain_length = 0;
  Encoding encoding = Encoding::kRaw;
  // The bytes there did not prove: the record counts as missing.
  bool bad = false;

  bool SameBytes(const Place& other) const {
    return pack == other.pack && offset == other.offset;
  }
  friend bool operator==(const Place&, const Place&) = default;
};

struct PlacedRecord {
  RecordKey key;
  Place place;
};

inline Place PlaceOf(const PackEntry& entry, uint32_t pack, uint32_t ordinal) {
  return {.pack = pack,
          .ordinal = ordinal,
          .offset = entry.offset,
          .stored_length = entry.stored_length,
          .plain_length = entry.plain_length,
          .encoding = entry.encoding};
}

}  // namespace cairn::chunk_storage
