#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"

// An archive is an ordered list of chunk entries, stored as a tree of pages.
// A page is addressed by the SHA-256 of its encoding, so equal runs are
// stored once whatever snapshot holds them.
//
// Encoding, version 1 (all integers little endian; varint = LEB128, shortest
// form required):
//   "CPG1"            4 bytes
//   level             1 byte, 0 = leaf, at most kMaxPageLevel
//   entry count       varint, 1..kMaxPageEntries (0 only for the leaf of an
//                     empty archive)
//   leaf entries:     form byte, then
//     0 chunk         length varint, digest 32
//     1 chunk run     length varint, repeat varint (>= 2), digest 32
//     2 hole          length varint
//     3,4             as 0,1 with a domain of 16 bytes before the digest
//   inner entries:    size_bytes varint, chunk_count varint,
//                     hole_bytes varint, page digest 32
// Canonical: adjacent equal chunks are joined into runs, adjacent holes into
// one hole, and a form 3/4 domain is never zero; a decoder refuses the rest,
// trailing bytes, and sums above kMaxArchiveBytes. So one list of entries has
// exactly one encoding.
namespace cairn {

inline constexpr uint32_t kMaxPageEntries = 1024;
inline constexpr uint32_t kMaxPageLevel = 7;
// No page of kMaxPageEntries entries is longer.
inline constexpr size_t kMaxPageBytes = 96 * 1024;
inline constexpr uint64_t kMaxArchiveBytes = ~uint64_t{0} >> 1;

// A child of an inner page.
struct PageChild {
  Digest page;
  uint64_t size_bytes = 0;
  uint64_t chunk_count = 0;
  uint64_t hole_bytes = 0;
  friend bool operator==(const PageChild&, const PageChild&) = default;
};

struct Page {
  uint32_t level = 0;
  std::vector<ChunkEntry> entries;  // level 0
  std::vector<PageChild> children;  // level > 0
  friend bool operator==(const Page&, const Page&) = default;
};

// InvalidArgument: zero length or repeat, a chunk longer than
// kMaxRecordPlainBytes, a hole with a repeat, domain or digest, or more than
// kMaxArchiveBytes in all.
absl::Status ValidateEntry(const ChunkEntry& entry);

// True if the canonical form joins `second` to `first` when it follows.
bool IsJoinable(const ChunkEntry& first, const ChunkEntry& second);

// `page` is canonical and within bounds, or the process ends: pages come from
// PageTreeBuilder, never from outside.
std::string EncodePage(const Page& page);

// `encoded` may be any bytes; memory is taken for what they can hold only.
// DataLoss: not a canonical encoding; says at which byte and why.
absl::StatusOr<Page> DecodePage(std::string_view encoded);

// Sums over a page's entries or children, as its parent states them. `page`
// is canonical.
PageChild SummarizePage(const Digest& id, const Page& page);

}  // namespace cairn
