#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page_tree_builder.h"

namespace cairn::study {

// The rule of a mean, with minimum and maximum as far from it as PageCutRule's
// own, within the bounds of the format.
PageCutRule PageRuleOf(uint32_t mean_entries);

// What an archive added to a PageSet.
struct PageGrowth {
  PageRoot root;
  uint64_t tree_pages = 0;  // of the archive, those it shares included
  uint64_t tree_bytes = 0;
  uint64_t new_pages = 0;
  uint64_t new_bytes = 0;
};

// What a random read fetches, from the root down to the entry.
struct WalkCost {
  double pages = 0;
  double bytes = 0;
};

// Pages of a datastore, each once.
class PageSet {
 public:
  absl::StatusOr<PageGrowth> Add(const PageCutRule& rule,
                                 const std::vector<ChunkEntry>& entries);

  // NotFound: no such page.
  absl::StatusOr<std::string> operator()(const Digest& id) const;

  // Mean of reads at random places.
  absl::StatusOr<WalkCost> MeasureWalk(const PageRoot& root) const;

  uint64_t bytes() const { return bytes_; }
  uint64_t pages() const { return pages_.size(); }

 private:
  absl::flat_hash_map<Digest, std::string> pages_;
  uint64_t bytes_ = 0;
};

}  // namespace cairn::study
