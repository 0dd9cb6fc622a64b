#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cairn::client {

// Bytes of an archive that the server wants to be sent, although its base
// should have them. Remembers kMax ranges; when there are more, all bytes.
// One thread.
class RefusedRanges {
 public:
  static constexpr size_t kMax = 64;

  // False if nothing more can be refused: all was.
  bool Add(uint64_t offset, uint64_t length) {
    if (all_) return false;
    all_ = ranges_.size() == kMax || length == 0;
    if (!all_) ranges_.emplace_back(offset, length);
    return true;
  }

  // True if [offset, offset + length) may be reused.
  bool Allows(uint64_t offset, uint64_t length) const {
    if (all_) return false;
    for (const auto& [refused, refused_length] : ranges_) {
      // Differences, as the ranges are the server's and a sum may overflow.
      if (refused < offset ? offset - refused < refused_length
                           : refused - offset < length) {
        return false;
      }
    }
    return true;
  }

 private:
  bool all_ = false;
  std::vector<std::pair<uint64_t, uint64_t>> ranges_;
};

}  // namespace cairn::client
