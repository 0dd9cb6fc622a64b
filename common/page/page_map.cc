#include "common/page/page_map.h"

#include <utility>

#include "absl/status/status.h"
#include "common/log/log.h"

namespace cairn {

absl::StatusOr<std::string> PageMap::operator()(const Digest& id) const {
  fetched.push_back(id);
  const auto found = pages.find(id);
  if (found == pages.end()) return absl::NotFoundError("no such page");
  return found->second;
}

void PageMap::Put(std::vector<EncodedPage> completed) {
  for (EncodedPage& page : completed) {
    pages.emplace(page.id, std::move(page.bytes));
  }
}

PageRoot PageMap::Build(const PageCutRule& rule,
                        const std::vector<ChunkEntry>& entries) {
  PageTreeBuilder builder(rule);
  for (const ChunkEntry& entry : entries) {
    CHECK_OK(builder.Add(entry));
    Put(builder.TakePages());
  }
  const absl::StatusOr<PageRoot> root = builder.Finish();
  CHECK_OK(root.status());
  Put(builder.TakePages());
  return *root;
}

}  // namespace cairn
