#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/page/page.h"
#include "common/page/page_tree_builder.h"
#include "common/page/page_walk.h"

namespace cairn {

// Bounds of one call of Splice, each >= 1. A call that reaches one adds part
// of a leaf page by entries, as does the next: low limits cost, but lose
// nothing. At most kMaxPageLevel + 1 pages are fetched for each entry added
// or page taken, and 2 * (kMaxPageLevel + 1) more.
struct SpliceLimits {
  size_t max_entries = 4096;
  size_t max_pages = 4096;
};

// A page of the base that a builder took over with all below it.
struct TakenPage {
  uint32_t level = 0;
  PageChild page;
  friend bool operator==(const TakenPage&, const TakenPage&) = default;
};

struct Spliced {
  // What is before, of the base, has been added; go on from here, unless it
  // is the end asked for. A chunk boundary of the base.
  uint64_t next = 0;
  // Added one by one, in order: the chunks that the archive refers to beside
  // those of `pages`. Runs and holes cut to the range, not joined.
  std::vector<ChunkEntry> entries;
  // Taken over whole, in order. They exist: TakePages does not return them.
  std::vector<TakenPage> pages;
};

// Adds the bytes [begin, end) of the archive `base` to `builder`, as if each
// of their entries were given to its Add, with the same pages, states and
// root as outcome, but takes over whole pages of `base` without fetching
// them: entry by entry until the cut rule meets a page boundary of the base,
// and from there the highest pages that fit. So a long range costs about two
// pages of entries a level. `base` was built under the rule of `builder`, or
// the outcome holds the right entries, but not the pages of the rule.
//
// Adds something if begin < end. Between two calls the builder may be saved
// and restored, and any entry may be added.
//
// On an error nothing has been added. InvalidArgument: `begin` or `end` is
// not a chunk boundary of `base` (says which are around; between repeats of a
// run there is one, and at every byte of a hole), end < begin, `end` beyond
// the base, a limit of 0, a root of a level above kMaxPageLevel, or the
// archive would pass kMaxArchiveBytes. Else as FetchPage and
// PageTreeBuilder::Add.
absl::StatusOr<Spliced> Splice(PageTreeBuilder& builder, const PageRoot& base,
                               uint64_t begin, uint64_t end,
                               const SpliceLimits& limits, PageSource source);

}  // namespace cairn
