#include "tests/benchmark/chunk_study/mark.h"

#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/page/page_walk.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/stages/cpu_time.h"

namespace cairn::study {
namespace {

uint64_t PrefixOf(const Digest& digest) {
  uint64_t prefix;
  std::memcpy(&prefix, digest.bytes.data(), sizeof(prefix));
  return prefix;
}

// Recurses once a level: the levels are at most kMaxPageLevel + 1.
class TreeWalk {
 public:
  TreeWalk(const PageSet& pages, MarkTable& table, MarkCost& cost)
      : pages_(pages), table_(table), cost_(cost) {}

  absl::Status Visit(const PageChild& expected, uint32_t level) {
    if (!visited_.insert(expected.page).second) return absl::OkStatus();
    ++cost_.pages;
    ASSIGN_OR_RETURN(const Page page, FetchPage(expected, level, pages_));
    for (const ChunkEntry& entry : page.entries) {
      if (entry.is_hole) continue;
      ++cost_.references;
      RETURN_IF_ERROR(table_.Mark(entry.digest));
    }
    for (const PageChild& child : page.children) {
      RETURN_IF_ERROR(Visit(child, level - 1));
    }
    return absl::OkStatus();
  }

 private:
  const PageSet& pages_;
  MarkTable& table_;
  MarkCost& cost_;
  absl::flat_hash_set<Digest> visited_;
};

}  // namespace

MarkTable::MarkTable(size_t chunks) : bits_((chunks + 63) / 64) {
  numbers_.reserve(chunks);
}

void MarkTable::Put(const Digest& digest, uint32_t number) {
  numbers_[PrefixOf(digest)] = number;
}

absl::Status MarkTable::Mark(const Digest& digest) {
  const auto found = numbers_.find(PrefixOf(digest));
  if (found == numbers_.end()) {
    return absl::NotFoundError(
        absl::StrCat("chunk ", digest.ToHex(), " is not stored"));
  }
  uint64_t& word = bits_[found->second / 64];
  const uint64_t bit = uint64_t{1} << (found->second % 64);
  if ((word & bit) == 0) ++marked_;
  word |= bit;
  return absl::OkStatus();
}

uint64_t MarkTable::table_bytes() const {
  // A slot and its control byte.
  return numbers_.capacity() * (sizeof(decltype(numbers_)::value_type) + 1);
}

absl::StatusOr<MarkCost> MarkTrees(const std::vector<PageRoot>& roots,
                                   const PageSet& pages, MarkTable& table) {
  MarkCost cost;
  absl::Status status;
  cost.cpu = CpuTimeOf([&] {
    TreeWalk walk(pages, table, cost);
    for (const PageRoot& root : roots) {
      const PageChild child = {.page = root.page,
                               .size_bytes = root.size_bytes,
                               .chunk_count = root.chunk_count,
                               .hole_bytes = root.hole_bytes};
      status.Update(walk.Visit(child, root.level));
    }
  });
  RETURN_IF_ERROR(status);
  return cost;
}

}  // namespace cairn::study
