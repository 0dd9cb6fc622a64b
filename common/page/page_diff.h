#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/page/page_walk.h"

namespace cairn {

// The bytes [offset, offset + length) of an archive; length > 0.
struct DiffRange {
  uint64_t offset = 0;
  uint64_t length = 0;
  friend bool operator==(const DiffRange&, const DiffRange&) = default;
};

struct DiffLimits {
  // Ranges of the answer, >= 1. 4096 take 64 KiB.
  size_t max_ranges = 4096;
  // Pages fetched of both archives together. At most 2 * (kMaxPageLevel + 1)
  // are fetched however low it is, as each call gets on.
  size_t max_pages = 1024;
};

struct ArchiveDiff {
  // In increasing order, with equal bytes between any two. All lie in
  // [offset asked for, next).
  std::vector<DiffRange> ranges;
  // What is before is compared. The size of the longer archive when done,
  // else where to go on: the next call's first range may continue the last.
  uint64_t next = 0;
  bool done = false;
};

// The bytes from `offset` on in which two archives may differ: where their
// chunk references differ, and those by which one is longer. A byte is equal
// if both have a hole there, or both have the same byte of a chunk of the
// same length, domain and digest, however the entries around are joined.
//
// Both trees are walked in lockstep. A page that both have at the same offset
// is not fetched. What is fetched are pages that differ, each once; a call
// that goes on where another stopped fetches at most one page a level of each
// archive again. Holds one page a level of each archive.
//
// InvalidArgument: a root's level is above kMaxPageLevel, or max_ranges is 0.
// OutOfRange: `offset` is beyond the longer archive. Else as FetchPage.
absl::StatusOr<ArchiveDiff> DiffArchives(
    const PageRoot& left, PageSource left_source, const PageRoot& right,
    PageSource right_source, uint64_t offset, const DiffLimits& limits);

}  // namespace cairn
