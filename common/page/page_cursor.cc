#include "common/page/page_cursor.h"

#include <utility>

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace cairn {

PageCursor::PageCursor(const PageRoot& root, PageSource source)
    : source_(source) {
  CHECK_LE(root.level, kMaxPageLevel);
  const PageChild child = {.page = root.page,
                           .size_bytes = root.size_bytes,
                           .chunk_count = root.chunk_count,
                           .hole_bytes = root.hole_bytes};
  frames_.push_back({.page = {.level = root.level + 1, .children = {child}}});
}

uint64_t PageCursor::end() const {
  return begin() + (on_entry() ? entry().total_length() : page().size_bytes);
}

const ChunkEntry& PageCursor::entry() const {
  CHECK(on_entry()) << "it is on a page";
  return frames_.back().page.entries[frames_.back().index];
}

const PageChild& PageCursor::page() const {
  CHECK(!on_entry()) << "it is on an entry";
  return frames_.back().page.children[frames_.back().index];
}

absl::Status PageCursor::Enter(uint64_t offset) {
  CHECK(begin() <= offset && offset < end())
      << offset << " is not in " << begin() << ".." << end();
  Frame frame{.begin = begin()};
  ASSIGN_OR_RETURN(frame.page, FetchPage(page(), height() - 1, source_));
  frames_.push_back(std::move(frame));
  // The page has as many bytes as its parent says, so that one item of it
  // covers the offset.
  AdvanceTo(offset);
  return absl::OkStatus();
}

void PageCursor::AdvanceTo(uint64_t offset) {
  CHECK_LE(begin(), offset);
  for (;;) {
    Frame& top = frames_.back();
    const size_t count = top.page.level == 0 ? top.page.entries.size()
                                             : top.page.children.size();
    while (offset >= end()) {
      top.begin = end();
      if (++top.index == count) break;
    }
    if (top.index < count) return;
    CHECK(frames_.size() > 1) << offset << " is not in the archive";
    frames_.pop_back();
  }
}

}  // namespace cairn
