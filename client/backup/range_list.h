#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"

namespace cairn::client {

// Bytes [offset, end) of an image; never empty.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t end = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Which bytes of an image changed. The ranges are in order and neither
// overlap nor touch.
class RangeList {
 public:
  // 16 MiB of memory.
  static constexpr size_t kMaxRanges = 1'048'576;
  // Images are shorter than this.
  static constexpr uint64_t kMaxOffset = uint64_t{1} << 63;

  RangeList() = default;
  // `ranges` in any order; those that overlap or touch are joined.
  explicit RangeList(std::vector<ByteRange> ranges);

  const std::vector<ByteRange>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }

 private:
  std::vector<ByteRange> ranges_;
};

// Reads a list of changed ranges, as `cairn diff` prints them:
//
//   # what changed since the base
//   0 65536
//   0x40000000 0x10000
//
// One range a line, OFFSET LENGTH: bytes, decimal or hexadecimal behind 0x,
// 0 to 2^63 each and in sum, with blanks or tabs between and around. What
// follows a # is a comment; lines without a range, and ranges of 0 bytes, say
// nothing. The order does not matter, and ranges may overlap. The last line
// ends with a newline too, so that a list that was cut off is noticed. A line
// has at most 4096 bytes, and all together at most RangeList::kMaxRanges
// ranges are left when those that touch are joined.
//
// `name` is for errors. InvalidArgument: the text is not of this form. Else
// the producer's errors.
absl::StatusOr<RangeList> ReadRangeList(ByteProducer& producer,
                                        std::string_view name);

}  // namespace cairn::client
