#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"
#include "common/page/page_diff.h"
#include "common/page/page_splice.h"
#include "common/page/page_tree_builder.h"
#include "common/page/page_walk.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

constexpr size_t kEntries = 100000;

struct Tree {
  PageRoot root;
  std::vector<EncodedPage> pages;
};

Tree BuildTree(const std::vector<ChunkEntry>& entries) {
  PageTreeBuilder builder{PageCutRule{}};
  for (const ChunkEntry& entry : entries) CHECK_OK(builder.Add(entry));
  const absl::StatusOr<PageRoot> root = builder.Finish();
  CHECK_OK(root.status());
  return {*root, builder.TakePages()};
}

// Cut, encode and hash. Items are entries.
void BM_BuildPages(benchmark::State& state) {
  const std::vector<ChunkEntry> entries = MakeEntries(kEntries);
  uint64_t page_bytes = 0;
  uint64_t pages = 0;
  for (auto _ : state) {
    const Tree tree = BuildTree(entries);
    pages += tree.pages.size();
    for (const EncodedPage& page : tree.pages) page_bytes += page.bytes.size();
  }
  state.SetItemsProcessed(state.iterations() * kEntries);
  state.counters["page_bytes_per_entry"] =
      static_cast<double>(page_bytes) / (state.iterations() * kEntries);
  state.counters["entries_per_page"] =
      static_cast<double>(state.iterations()) * kEntries / pages;
}
BENCHMARK(BM_BuildPages);

// Items are entries.
void BM_DecodePages(benchmark::State& state) {
  const Tree tree = BuildTree(MakeEntries(kEntries));
  for (auto _ : state) {
    for (const EncodedPage& page : tree.pages) {
      const absl::StatusOr<Page> decoded = DecodePage(page.bytes);
      CHECK_OK(decoded.status());
    }
  }
  state.SetItemsProcessed(state.iterations() * kEntries);
}
BENCHMARK(BM_DecodePages);

using PagesById = std::unordered_map<std::string_view, std::string>;

void PutPages(const Tree& tree, PagesById& pages) {
  for (const EncodedPage& page : tree.pages) {
    pages.emplace(page.id.view(), page.bytes);
  }
}

// The entries of MakeEntries, of which the one in the middle is another.
std::vector<ChunkEntry> MakeChangedEntries() {
  std::vector<ChunkEntry> entries = MakeEntries(kEntries);
  entries[kEntries / 2].digest.bytes[9] ^= 1;
  return entries;
}

// Two archives of which one chunk differs. Items are comparisons.
void BM_DiffArchives(benchmark::State& state) {
  const Tree left = BuildTree(MakeEntries(kEntries));
  const Tree right = BuildTree(MakeChangedEntries());
  PagesById pages;
  PutPages(left, pages);
  PutPages(right, pages);
  const auto source = [&](const Digest& id) -> absl::StatusOr<std::string> {
    return pages.at(id.view());
  };
  for (auto _ : state) {
    const auto diff =
        DiffArchives(left.root, source, right.root, source, 0, DiffLimits{});
    CHECK_OK(diff.status());
    CHECK_EQ(diff->ranges.size(), 1u);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DiffArchives);

// BM_BuildPages of an archive of which one chunk is not that of its base.
void BM_SplicePages(benchmark::State& state) {
  const std::vector<ChunkEntry> entries = MakeChangedEntries();
  const Tree base = BuildTree(MakeEntries(kEntries));
  PagesById pages;
  PutPages(base, pages);
  const auto source = [&](const Digest& id) -> absl::StatusOr<std::string> {
    return pages.at(id.view());
  };
  uint64_t begin = 0;
  for (size_t i = 0; i < kEntries / 2; ++i) begin += entries[i].total_length();
  const uint64_t end = begin + entries[kEntries / 2].total_length();
  for (auto _ : state) {
    PageTreeBuilder builder{PageCutRule{}};
    const auto before =
        Splice(builder, base.root, 0, begin, SpliceLimits{}, source);
    CHECK_OK(before.status());
    CHECK_EQ(before->next, begin);
    CHECK_OK(builder.Add(entries[kEntries / 2]));
    const auto after = Splice(builder, base.root, end, base.root.size_bytes,
                              SpliceLimits{}, source);
    CHECK_OK(after.status());
    CHECK_EQ(after->next, base.root.size_bytes);
    CHECK_OK(builder.Finish().status());
  }
  state.SetItemsProcessed(state.iterations() * kEntries);
}
BENCHMARK(BM_SplicePages);

// A random byte's chunk: fetch, prove and decode one page a level.
void BM_FindEntry(benchmark::State& state) {
  const Tree tree = BuildTree(MakeEntries(kEntries));
  PagesById pages;
  PutPages(tree, pages);
  uint64_t offset = 0;
  for (auto _ : state) {
    offset = (offset + 0x9e3779b97f4a7c15) % tree.root.size_bytes;
    const auto found =
        FindEntries(tree.root, offset, 1, 1,
                    [&](const Digest& id) -> absl::StatusOr<std::string> {
                      return pages.at(id.view());
                    });
    CHECK_OK(found.status());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FindEntry);

}  // namespace
}  // namespace cairn
