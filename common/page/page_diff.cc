#include "common/page/page_diff.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/page/page_cursor.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// True if the bytes that two entries both cover are the same bytes of the
// same chunks: so for all of them or for none.
bool IsSame(const PageCursor& left, const PageCursor& right) {
  const ChunkEntry& first = left.entry();
  if (!IsJoinable(first, right.entry())) return false;
  if (first.is_hole) return true;
  const uint64_t shift = std::max(left.begin(), right.begin()) -
                         std::min(left.begin(), right.begin());
  return shift % first.length == 0;
}

// True if all of `holes` is hole and nothing of `chunks` is, as their parents
// say: they differ without a look.
bool IsHoleOverChunks(const PageCursor& holes, const PageCursor& chunks) {
  const bool is_hole = holes.on_entry()
                           ? holes.entry().is_hole
                           : holes.page().hole_bytes == holes.page().size_bytes;
  return is_hole && !(chunks.on_entry() ? chunks.entry().is_hole
                                        : chunks.page().hole_bytes > 0);
}

class Comparison {
 public:
  Comparison(const PageCursor& left, const PageCursor& right, uint64_t offset,
             const DiffLimits& limits)
      : offset_(offset), limits_(limits), left_(left), right_(right) {
    diff_.next = offset;
  }

  // `shorter` and `longer`: the sizes of the archives.
  absl::Status Run(uint64_t shorter, uint64_t longer) {
    bool has_room = true;
    while (has_room && diff_.next < shorter) {
      left_.AdvanceTo(diff_.next);
      right_.AdvanceTo(diff_.next);
      const uint64_t end = std::min(left_.end(), right_.end());
      if (IsSamePage()) {
        diff_.next = end;
      } else if (left_.on_entry() && right_.on_entry()) {
        has_room = Pass(end, IsSame(left_, right_));
      } else if (IsHoleOverChunks(left_, right_) ||
                 IsHoleOverChunks(right_, left_)) {
        has_room = Pass(end, false);
      } else {
        if (IsFetchedUp()) return absl::OkStatus();
        RETURN_IF_ERROR(EnterHigher());
      }
    }
    if (has_room && diff_.next < longer) has_room = Pass(longer, false);
    diff_.done = has_room;
    return absl::OkStatus();
  }

  ArchiveDiff Take() { return std::move(diff_); }

 private:
  // Pages of one level that cover a byte and are not the same can be left
  // only by entering both; of different levels, the lower one is no page of
  // the level of the higher.
  bool IsSamePage() const {
    return !left_.on_entry() && left_.height() == right_.height() &&
           left_.begin() == right_.begin() && left_.page() == right_.page();
  }

  bool IsFetchedUp() const {
    return fetched_ >= limits_.max_pages && diff_.next > offset_;
  }

  absl::Status EnterHigher() {
    ++fetched_;
    return (left_.height() >= right_.height() ? left_ : right_)
        .Enter(diff_.next);
  }

  // Goes on to `end`. False, and does not, if there is no room for a range.
  bool Pass(uint64_t end, bool is_same) {
    if (!is_same) {
      std::vector<DiffRange>& ranges = diff_.ranges;
      if (!ranges.empty() &&
          ranges.back().offset + ranges.back().length == diff_.next) {
        ranges.back().length += end - diff_.next;
      } else if (ranges.size() == limits_.max_ranges) {
        return false;
      } else {
        ranges.push_back({.offset = diff_.next, .length = end - diff_.next});
      }
    }
    diff_.next = end;
    return true;
  }

  const uint64_t offset_;
  const DiffLimits limits_;
  PageCursor left_;
  PageCursor right_;
  size_t fetched_ = 0;
  ArchiveDiff diff_;
};

absl::Status ValidateRoot(const PageRoot& root) {
  if (root.level <= kMaxPageLevel) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("root page ", root.page.ToHex(), " has level ", root.level,
                   ", allowed are 0..", kMaxPageLevel));
}

}  // namespace

absl::StatusOr<ArchiveDiff> DiffArchives(
    const PageRoot& left, PageSource left_source, const PageRoot& right,
    PageSource right_source, uint64_t offset, const DiffLimits& limits) {
  RETURN_IF_ERROR(ValidateRoot(left));
  RETURN_IF_ERROR(ValidateRoot(right));
  if (limits.max_ranges == 0) {
    return absl::InvalidArgumentError(
        "diff may have 0 ranges, allowed are 1 and more");
  }
  const auto [shorter, longer] =
      std::minmax({left.size_bytes, right.size_bytes});
  if (offset > longer) {
    return absl::OutOfRangeError(absl::StrCat(
        "offset is ", offset, ", the longer archive has ", longer, " bytes"));
  }
  Comparison comparison(PageCursor(left, left_source),
                        PageCursor(right, right_source), offset, limits);
  RETURN_IF_ERROR(comparison.Run(shorter, longer));
  return comparison.Take();
}

}  // namespace cairn
