#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"

namespace cairn {

// Fetches the encoding of a page by id.
using PageSource =
    absl::FunctionRef<absl::StatusOr<std::string>(const Digest& id)>;

// Fetches one page and proves that it is what its parent, or the root, says.
// DataLoss: it is not (digest, encoding, level, sums), naming the page.
// Other errors are those of `source`, with the page named.
absl::StatusOr<Page> FetchPage(const PageChild& expected, uint32_t level,
                               PageSource source);

// The entries of the archive that overlap [offset, offset + length), in
// order, with their offsets, by a walk down the tree; stops early after
// `max_entries`. A run, or a hole, is returned whole and not clipped: its
// offset may lie before `offset`.
// OutOfRange: offset > root.size_bytes. Else as FetchPage. InvalidArgument:
// root.level > kMaxPageLevel.
absl::StatusOr<std::vector<PlacedEntry>> FindEntries(const PageRoot& root,
                                                     uint64_t offset,
                                                     uint64_t length,
                                                     size_t max_entries,
                                                     PageSource source);

}  // namespace cairn
