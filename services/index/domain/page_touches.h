#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "common/model/digest.h"

namespace cairn::index {

// When the pages of a datastore were last handed to, or promised to, a
// session: the highest epoch of such a session. A sweep drops a page only if
// its touch is below the cut, so a touch may read higher than it is and never
// lower. In memory: after a start the floor is the highest epoch of any
// session, which no touch has passed. Not thread-safe.
class PageTouches {
 public:
  // `floor`: what every page counts as. `max_pages`: how many pages are told
  // apart (about 32 bytes each); beyond that all count as the highest touch.
  PageTouches(uint64_t floor, size_t max_pages)
      : max_pages_(max_pages), floor_(floor) {}

  // touch(page) := max(touch(page), epoch).
  void Raise(const Digest& page, uint64_t epoch);
  uint64_t Get(const Digest& page) const;

  // Forgets touches below `fence`: sessions of lower epochs cannot publish
  // any more.
  void DiscardBelow(uint64_t fence);

  uint64_t floor() const { return floor_; }
  size_t size() const { return epochs_.size(); }

 private:
  const size_t max_pages_;
  uint64_t floor_;
  // By the first 8 bytes of the page's id, which are as good as random; two
  // pages that share them share the higher touch.
  absl::flat_hash_map<uint64_t, uint64_t> epochs_;  // above floor_
};

}  // namespace cairn::index
