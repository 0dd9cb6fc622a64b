#include "common/page/page_splice.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/page/page_cursor.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(what);
}

// The entry of `base` that covers `offset`, which must be a chunk boundary;
// nullopt at the end of `base`.
absl::StatusOr<std::optional<ChunkEntry>> FindBoundary(const PageRoot& base,
                                                       uint64_t offset,
                                                       PageSource source) {
  ASSIGN_OR_RETURN(const std::vector<PlacedEntry> found,
                   FindEntries(base, offset, 1, 1, source));
  if (found.empty()) return std::optional<ChunkEntry>();
  const ChunkEntry& entry = found.front().entry;
  const uint64_t within =
      entry.is_hole ? 0 : (offset - found.front().offset) % entry.length;
  if (within == 0) return std::optional<ChunkEntry>(entry);
  return Wrong(absl::StrCat("byte ", offset, " of archive ", base.page.ToHex(),
                            " is within a chunk, the boundaries around are ",
                            offset - within, " and ",
                            offset - within + entry.length));
}

absl::Status ValidateArguments(const PageRoot& base, uint64_t begin,
                               uint64_t end, const SpliceLimits& limits) {
  if (begin > end || end > base.size_bytes) {
    return Wrong(absl::StrCat("range ", begin, "..", end, " of archive ",
                              base.page.ToHex(), " is not in order within its ",
                              base.size_bytes, " bytes"));
  }
  if (limits.max_entries == 0 || limits.max_pages == 0) {
    return Wrong(absl::StrCat("splice may add ", limits.max_entries,
                              " entries and ", limits.max_pages,
                              " pages, allowed are 1 and more"));
  }
  return absl::OkStatus();
}

// The part [begin, end) of the entry under `cursor`.
ChunkEntry Cut(const PageCursor& cursor, uint64_t begin, uint64_t end) {
  ChunkEntry piece = cursor.entry();
  const uint64_t length = std::min(end, cursor.end()) - begin;
  if (piece.is_hole) {
    piece.length = length;
  } else {
    piece.repeat = length / piece.length;
  }
  return piece;
}

// Adds [spliced.next, end) as far as `limits` allow. `can_take`: the first
// entry cannot be joined to the builder's last one. The entries after it are
// canonical, so that none can be joined to the one before.
absl::Status Advance(PageTreeBuilder& builder, uint64_t end,
                     const SpliceLimits& limits, bool can_take,
                     PageCursor& cursor, Spliced& spliced) {
  // A page may be taken only if an entry follows it: it makes the last entry
  // of the page final.
  bool must_add = false;
  while (spliced.next < end && spliced.entries.size() < limits.max_entries &&
         (must_add || spliced.pages.size() < limits.max_pages)) {
    cursor.AdvanceTo(spliced.next);
    if (cursor.on_entry()) {
      const ChunkEntry piece = Cut(cursor, spliced.next, end);
      RETURN_IF_ERROR(builder.Add(piece));
      spliced.entries.push_back(piece);
      spliced.next += piece.total_length();
      must_add = false;
      can_take = true;
      continue;
    }
    // A page that ends where the base does may have ended for this reason:
    // it is not taken, as nothing follows it.
    if (can_take && cursor.begin() == spliced.next && cursor.end() < end &&
        spliced.pages.size() < limits.max_pages) {
      const TakenPage taken = {.level = cursor.height() - 1,
                               .page = cursor.page()};
      ASSIGN_OR_RETURN(const bool is_taken,
                       builder.AddPage(taken.level, taken.page));
      if (is_taken) {
        spliced.pages.push_back(taken);
        spliced.next = cursor.end();
        must_add = true;
        continue;
      }
    }
    RETURN_IF_ERROR(cursor.Enter(spliced.next));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Spliced> Splice(PageTreeBuilder& builder, const PageRoot& base,
                               uint64_t begin, uint64_t end,
                               const SpliceLimits& limits, PageSource source) {
  RETURN_IF_ERROR(ValidateArguments(base, begin, end, limits));
  ASSIGN_OR_RETURN(const std::optional<ChunkEntry> first,
                   FindBoundary(base, begin, source));
  RETURN_IF_ERROR(FindBoundary(base, end, source).status());
  Spliced spliced{.next = begin};
  if (begin == end) return spliced;

  const bool is_joined = builder.last_entry().has_value() &&
                         IsJoinable(*builder.last_entry(), *first);
  // A page that was taken and no entry after it is no state to stay in.
  PageTreeBuilder before = builder;
  PageCursor cursor(base, source);
  const absl::Status status =
      Advance(builder, end, limits, !is_joined, cursor, spliced);
  if (!status.ok()) {
    builder = std::move(before);
    return status;
  }
  return spliced;
}

}  // namespace cairn
