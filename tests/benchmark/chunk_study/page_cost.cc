#include "tests/benchmark/chunk_study/page_cost.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/page/page_walk.h"
#include "common/status/status_macros.h"

namespace cairn::study {
namespace {

constexpr int kWalks = 1000;

}  // namespace

PageCutRule PageRuleOf(uint32_t mean_entries) {
  return {.min_entries = std::max(mean_entries / 4, 2u),
          .mean_entries = mean_entries,
          .max_entries = std::min(mean_entries * 4, kMaxPageEntries)};
}

absl::StatusOr<PageGrowth> PageSet::Add(
    const PageCutRule& rule, const std::vector<ChunkEntry>& entries) {
  PageTreeBuilder builder(rule);
  PageGrowth growth;
  const auto take = [&] {
    for (EncodedPage& page : builder.TakePages()) {
      const uint64_t length = page.bytes.size();
      ++growth.tree_pages;
      growth.tree_bytes += length;
      if (pages_.try_emplace(page.id, std::move(page.bytes)).second) {
        ++growth.new_pages;
        growth.new_bytes += length;
      }
    }
  };
  for (const ChunkEntry& entry : entries) {
    RETURN_IF_ERROR(builder.Add(entry));
    take();
  }
  ASSIGN_OR_RETURN(growth.root, builder.Finish());
  take();
  bytes_ += growth.new_bytes;
  return growth;
}

absl::StatusOr<std::string> PageSet::operator()(const Digest& id) const {
  const auto found = pages_.find(id);
  if (found == pages_.end()) {
    return absl::NotFoundError(
        absl::StrCat("page ", id.ToHex(), " is not there"));
  }
  return found->second;
}

absl::StatusOr<WalkCost> PageSet::MeasureWalk(const PageRoot& root) const {
  std::mt19937_64 random(1);
  uint64_t pages = 0;
  uint64_t bytes = 0;
  for (int i = 0; i < kWalks; ++i) {
    const auto fetch = [&](const Digest& id) -> absl::StatusOr<std::string> {
      ASSIGN_OR_RETURN(std::string page, (*this)(id));
      ++pages;
      bytes += page.size();
      return page;
    };
    RETURN_IF_ERROR(
        FindEntries(root, random() % root.size_bytes, 1, 1, fetch).status());
  }
  return WalkCost{.pages = static_cast<double>(pages) / kWalks,
                  .bytes = static_cast<double>(bytes) / kWalks};
}

}  // namespace cairn::study
