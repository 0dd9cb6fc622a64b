#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page_tree_builder.h"

namespace cairn {

inline constexpr PageCutRule kTinyRule = {
    .min_entries = 2, .mean_entries = 4, .max_entries = 8};

// Pages in memory, counting what is fetched. A PageSource may refer to it.
class PageMap {
 public:
  // NotFound: no such page.
  absl::StatusOr<std::string> operator()(const Digest& id) const;

  void Put(std::vector<EncodedPage> pages);
  // The archive of `entries`, whose pages are put.
  PageRoot Build(const PageCutRule& rule,
                 const std::vector<ChunkEntry>& entries);

  std::map<Digest, std::string> pages;
  mutable std::vector<Digest> fetched;
};

}  // namespace cairn
