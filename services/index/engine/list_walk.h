#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/catalog.h"
#include "common/model/digest.h"
#include "common/status/status_macros.h"
#include "services/index/domain/page_token.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Rows that one call looks at, matching or not. A page may so hold fewer
// items than asked for, even none, and still name a next one.
inline constexpr size_t kMaxRowsPerPage = 10000;
// Bytes of the rows on one page, so that the answer fits into a message.
inline constexpr size_t kMaxBytesPerPage = size_t{2} << 20;

inline size_t PageSizeOf(const PageRequest& page) {
  if (page.page_size == 0) return kDefaultPageSize;
  return std::min(page.page_size, kMaxPageSize);
}

// Keys lower <= key < upper of a table.
struct WalkRange {
  Table table;
  std::string lower;
  std::string upper;
};

// What becomes of one row: an item of the list, or nothing, and then the walk
// goes on with the next key, or with `go_to` if that is set.
template <typename T>
struct Visited {
  std::optional<T> item;
  std::string go_to;
  size_t more_bytes = 0;  // of the item, besides those of its row
};

// Where the walk starts: the range's start, or where the token says.
inline absl::StatusOr<std::string> StartOf(const WalkRange& range,
                                           const Digest& query,
                                           const PageRequest& page) {
  if (page.page_token.empty()) return range.lower;
  ASSIGN_OR_RETURN(std::string position,
                   DecodePageToken(query, page.page_token));
  if (position < range.lower ||
      (!range.upper.empty() && position > range.upper)) {
    return PageTokenInvalid("points outside of the list");
  }
  return position;
}

// One page of the rows in `range` that `visit` (a function of a cursor to
// StatusOr<Visited<T>>) makes items of. The next page starts right after the
// last row of this one, whatever was added or removed meanwhile: nothing is
// listed twice, and nothing that stood all the time is left out.
template <typename T, typename Visit>
absl::StatusOr<ListPage<T>> WalkPage(const IndexView& view,
                                     const WalkRange& range,
                                     const Digest& query,
                                     const PageRequest& request, Visit visit) {
  ListPage<T> page;
  size_t rows = 0;
  size_t bytes = 0;
  ASSIGN_OR_RETURN(std::string position, StartOf(range, query, request));
  auto cursor = view.Scan(range.table, position, range.upper);
  while (cursor->Valid()) {
    if (page.items.size() == PageSizeOf(request) || rows == kMaxRowsPerPage ||
        bytes >= kMaxBytesPerPage) {
      page.next_page_token = EncodePageToken(query, position);
      return page;
    }
    ++rows;
    ASSIGN_OR_RETURN(Visited<T> visited, visit(*cursor));
    if (visited.item.has_value()) {
      bytes += cursor->value().size() + visited.more_bytes;
      page.items.push_back(*std::move(visited.item));
    }
    if (visited.go_to.empty()) {
      position = std::string(cursor->key()) + '\0';
      cursor->Next();
    } else {
      position = std::move(visited.go_to);
      if (!range.upper.empty() && position >= range.upper) return page;
      RETURN_IF_ERROR(cursor->status());
      cursor = view.Scan(range.table, position, range.upper);
    }
  }
  RETURN_IF_ERROR(cursor->status());
  return page;
}

}  // namespace cairn::index
