#include "common/page/page_walk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

std::string Describe(const PageChild& child) {
  return absl::StrCat(child.size_bytes, " bytes, ", child.chunk_count,
                      " chunks, ", child.hole_bytes, " bytes of holes");
}

absl::Status Damaged(const Digest& id, std::string_view what) {
  return absl::DataLossError(absl::StrCat("page ", id.ToHex(), ": ", what));
}

// One walk. Recurses once a level: the levels are at most kMaxPageLevel + 1.
class RangeWalk {
 public:
  RangeWalk(uint64_t begin, uint64_t end, size_t max_entries, PageSource source)
      : begin_(begin), end_(end), max_entries_(max_entries), source_(source) {}

  // `start`: the offset of the page's first byte.
  absl::Status Visit(const PageChild& expected, uint32_t level,
                     uint64_t start) {
    ASSIGN_OR_RETURN(const Page page, FetchPage(expected, level, source_));
    for (const ChunkEntry& entry : page.entries) {
      if (IsDone(start)) break;
      if (start + entry.total_length() > begin_) {
        found_.push_back({.offset = start, .entry = entry});
      }
      start += entry.total_length();
    }
    for (const PageChild& child : page.children) {
      if (IsDone(start)) break;
      if (start + child.size_bytes > begin_) {
        RETURN_IF_ERROR(Visit(child, level - 1, start));
      }
      start += child.size_bytes;
    }
    return absl::OkStatus();
  }

  std::vector<PlacedEntry> Take() { return std::move(found_); }

 private:
  bool IsDone(uint64_t start) const {
    return start >= end_ || found_.size() >= max_entries_;
  }

  const uint64_t begin_;
  const uint64_t end_;
  const size_t max_entries_;
  const PageSource source_;
  std::vector<PlacedEntry> found_;
};

}  // namespace

absl::StatusOr<Page> FetchPage(const PageChild& expected, uint32_t level,
                               PageSource source) {
  const absl::StatusOr<std::string> bytes = source(expected.page);
  if (!bytes.ok()) {
    return WithContext(bytes.status(),
                       absl::StrCat("page ", expected.page.ToHex()));
  }
  const Digest actual = Sha256(*bytes);
  if (actual != expected.page) {
    return Damaged(expected.page, absl::StrCat("digest of its ", bytes->size(),
                                               " bytes is ", actual.ToHex()));
  }
  absl::StatusOr<Page> page = DecodePage(*bytes);
  if (!page.ok()) return Damaged(expected.page, page.status().message());
  if (page->level != level) {
    return Damaged(expected.page, absl::StrCat("level is ", page->level,
                                               ", its parent says ", level));
  }
  const PageChild sums = SummarizePage(actual, *page);
  if (sums != expected) {
    return Damaged(expected.page,
                   absl::StrCat("it has ", Describe(sums), ", its parent says ",
                                Describe(expected)));
  }
  return page;
}

absl::StatusOr<std::vector<PlacedEntry>> FindEntries(const PageRoot& root,
                                                     uint64_t offset,
                                                     uint64_t length,
                                                     size_t max_entries,
                                                     PageSource source) {
  if (root.level > kMaxPageLevel) {
    return absl::InvalidArgumentError(
        absl::StrCat("root page ", root.page.ToHex(), " has level ", root.level,
                     ", allowed are 0..", kMaxPageLevel));
  }
  if (offset > root.size_bytes) {
    return absl::OutOfRangeError(absl::StrCat(
        "offset is ", offset, ", the archive has ", root.size_bytes, " bytes"));
  }
  const uint64_t end = offset + std::min(length, root.size_bytes - offset);
  if (offset == end || max_entries == 0) return std::vector<PlacedEntry>{};
  RangeWalk walk(offset, end, max_entries, source);
  RETURN_IF_ERROR(walk.Visit({.page = root.page,
                              .size_bytes = root.size_bytes,
                              .chunk_count = root.chunk_count,
                              .hole_bytes = root.hole_bytes},
                             root.level, 0));
  return walk.Take();
}

}  // namespace cairn
