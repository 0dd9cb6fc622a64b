#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/chunk_storage/domain/record_bits.h"

namespace cairn::chunk_storage {

// The touch of every record: the highest session epoch that was told the
// record is present, or stored it. A sweep may drop only what is touched
// below its cut, so an answer here may be too high but never too low.
//
// Four bytes a record, in an array for each pack by record ordinal. At the
// memory limit the largest arrays coarsen to one value, the highest in them.
// Not thread-safe.
class TouchTable {
 public:
  // `memory_limit_bytes`: of the arrays together.
  explicit TouchTable(uint64_t memory_limit_bytes)
      : memory_limit_bytes_(memory_limit_bytes) {}

  // Touch := max(touch, epoch). Ordinals of kMaxPackRecords or above, and
  // epochs that do not fit four bytes, raise the whole pack.
  void Raise(uint32_t pack, uint32_t ordinal, uint64_t epoch);

  // At least the highest epoch raised for this record, and the floor.
  uint64_t Get(uint32_t pack, uint32_t ordinal) const;

  // How many of these ordinals have a touch below `cut`.
  uint64_t CountBelow(uint32_t pack, const RecordBits& ordinals,
                      uint64_t cut) const;

  // Floor := max(floor, epoch). 0 until told: then nothing is known of what
  // was promised before, and nothing may be dropped.
  void RaiseFloor(uint64_t epoch);
  uint64_t floor() const { return floor_; }

  // Forgets a pack that is gone.
  void DropPack(uint32_t pack);

  uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  struct PackTouches {
    uint64_t whole = 0;            // holds for every record
    std::vector<uint32_t> single;  // by ordinal; none above its size
    bool coarse = false;           // keeps no array any more
  };

  void Resize(PackTouches& touches, size_t count);
  void Coarsen(PackTouches& touches);
  void CoarsenToLimit();

  const uint64_t memory_limit_bytes_;
  uint64_t floor_ = 0;
  uint64_t memory_bytes_ = 0;
  absl::flat_hash_map<uint32_t, PackTouches> packs_;
};

}  // namespace cairn::chunk_storage
