#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/page/page.h"
#include "common/page/page_walk.h"

namespace cairn {

// Walks the tree of one archive from front to back and fetches a page only
// when told to enter it. Stands on an item: an entry, or a page not entered.
// Holds one page a level. `source` must outlive it.
class PageCursor {
 public:
  // Stands on the root page. root.level <= kMaxPageLevel.
  PageCursor(const PageRoot& root, PageSource source);

  // The bytes of the archive that the item covers.
  uint64_t begin() const { return frames_.back().begin; }
  uint64_t end() const;

  // 0 on an entry, on a page its level + 1.
  uint32_t height() const { return frames_.back().page.level; }
  bool on_entry() const { return height() == 0; }
  // Only on an entry; whole, however much of it was skipped.
  const ChunkEntry& entry() const;
  // Only on a page.
  const PageChild& page() const;

  // Enters page() and stands on its item that covers `offset`, which the page
  // covers. Errors as FetchPage; the cursor stays where it was.
  absl::Status Enter(uint64_t offset);

  // Goes to the highest item not entered that covers `offset`, which is not
  // before begin() and below the size of the archive. Stays if it covers it.
  void AdvanceTo(uint64_t offset);

 private:
  // A page entered, or above the root a page with it as the only child.
  struct Frame {
    Page page;
    size_t index = 0;    // of the item
    uint64_t begin = 0;  // of the item
  };

  const PageSource source_;
  std::vector<Frame> frames_;
};

}  // namespace cairn
