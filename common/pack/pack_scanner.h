#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"

namespace cairn {

// Reads up to `length` bytes at `offset` of a pack file; fewer only at its
// end. DataLoss: these bytes cannot be read; the scan goes on beyond them.
using PackRead =
    std::function<absl::StatusOr<std::string>(uint64_t offset, size_t length)>;

// Finds every record of a pack file that proves, whatever else the bytes
// are. Skips what is damaged up to the next place with a valid header. Zeros
// between records are no damage. Holds one record and one window of 1 MiB at
// a time. Not thread-safe.
class PackScanner {
 public:
  struct DamagedRange {
    uint64_t offset = 0;
    uint64_t length = 0;
  };
  // Ranges kept; further ones only count.
  static constexpr size_t kMaxDamagedRanges = 256;

  // Scans `[0, end)`, where `end` is the file's length or the place of its
  // footer. `pack` is the UUID by the file's name.
  PackScanner(const Uuid& pack, uint64_t end, PackRead read);

  // The next record whose header and payload digest hold; nullopt at the
  // end. Other codes of `read` than DataLoss end the scan.
  absl::StatusOr<std::optional<PackEntry>> Next();

  // Known after the first Next; none if the header block is damaged.
  const std::optional<PackHeader>& header() const { return header_; }
  // So far: bytes that are neither a proved record nor zeros.
  uint64_t damaged_bytes() const { return damaged_bytes_; }
  const std::vector<DamagedRange>& damaged() const { return damaged_; }
  // Of those, the records whose header holds and whose payload does not; at
  // most kMaxPackRecords.
  const std::vector<PackEntry>& damaged_records() const {
    return damaged_records_;
  }

 private:
  absl::Status ReadHeaderBlock();
  // `length` bytes at `offset` out of the window, which moves if need be; a
  // shorter view at the end. DataLoss: they cannot be read.
  absl::StatusOr<std::string_view> View(uint64_t offset, size_t length);
  // The record at position_, whose header is `header`; nullopt if its payload
  // does not prove. Moves on in both cases.
  absl::StatusOr<std::optional<PackEntry>> ProveRecord(
      const RecordHeader& header);
  void AddDamage(uint64_t offset, uint64_t length);

  const Uuid pack_;
  const uint64_t end_;
  const PackRead read_;

  bool started_ = false;
  uint64_t position_ = 0;
  std::optional<PackHeader> header_;
  uint64_t window_offset_ = 0;
  std::string window_;
  uint64_t damaged_bytes_ = 0;
  std::vector<DamagedRange> damaged_;
  std::vector<PackEntry> damaged_records_;
};

// The entries of the pack's footer, if it has a valid one (nullopt if not).
// `footer_offset` is where the records end.
struct PackContents {
  uint64_t footer_offset = 0;
  std::vector<PackEntry> entries;
};
absl::StatusOr<std::optional<PackContents>> ReadPackFooter(
    const Uuid& pack, uint64_t file_bytes, const PackRead& read);

// The header of the record at `offset`, proved. DataLoss: there is none.
absl::StatusOr<RecordHeader> ReadPackRecordHeader(const Uuid& pack,
                                                  uint64_t offset,
                                                  const PackRead& read);

// The record of `key` whose header is at `offset`, with a payload of
// `stored_length` bytes. DataLoss: it is not there, or does not prove.
absl::StatusOr<Record> ReadPackRecord(const Uuid& pack, const RecordKey& key,
                                      uint64_t offset, uint32_t stored_length,
                                      const PackRead& read);

}  // namespace cairn
