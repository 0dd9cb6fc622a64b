#include "tests/benchmark/chunk_study/page_study.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/archive.h"
#include "common/pack/pack_format.h"
#include "common/page/page.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/chunk_study/page_cost.h"

namespace cairn::study {
namespace {

constexpr double kKiB = 1 << 10;
constexpr uint64_t kRunChunks = 64;
constexpr uint64_t kLongRunChunks = 1024;
// Of chunks, in a change of many.
constexpr double kShareChanged = 0.01;
// A row in the places of chunk_storage and one in the pages of index: keys,
// and what RocksDB adds.
constexpr uint64_t kRowBytes = 70 + 50;

// What the pages of `growth` take on disk: bytes in index and in a metadata
// pack, the record around them, rows.
double DiskKib(const PageGrowth& growth) {
  return (2 * growth.new_bytes +
          growth.new_pages * (kRecordHeaderBytes + kRecordAlignment / 2 +
                              kPackEntryBytes + kRowBytes)) /
         kKiB;
}

class Archive {
 public:
  explicit Archive(uint64_t chunks) : random_(1), entries_(chunks) {
    for (ChunkEntry& entry : entries_) {
      entry.length = 64 << 10;
      Change(entry);
    }
  }

  const std::vector<ChunkEntry>& entries() const { return entries_; }

  // `runs` runs of `length` chunks are other ones.
  std::vector<ChunkEntry> Changed(uint64_t runs, uint64_t length) {
    std::vector<ChunkEntry> entries = entries_;
    for (uint64_t run = 0; run < runs; ++run) {
      const uint64_t begin = random_() % (entries.size() - length + 1);
      for (uint64_t i = 0; i < length; ++i) Change(entries[begin + i]);
    }
    return entries;
  }

 private:
  void Change(ChunkEntry& entry) {
    for (uint8_t& byte : entry.digest.bytes) {
      byte = static_cast<uint8_t>(random_());
    }
  }

  std::mt19937_64 random_;
  std::vector<ChunkEntry> entries_;
};

}  // namespace

absl::StatusOr<Table> StudyPages(const std::vector<uint32_t>& page_means,
                                 uint64_t chunks) {
  Archive archive(chunks);
  const auto many = static_cast<uint64_t>(chunks * kShareChanged);
  const std::vector<ChunkEntry> changes[] = {
      archive.Changed(1, 1), archive.Changed(1, kLongRunChunks),
      archive.Changed(many / kRunChunks, kRunChunks), archive.Changed(many, 1)};
  Table table = {
      .name = "page_means",
      .title = absl::StrCat(
          "Pages of an archive of ", chunks,
          " chunks: KiB on disk (index and pack, records, rows), first and "
          "after changes of 1 chunk, of a run of ",
          kLongRunChunks, ", of 1 % in runs of ", kRunChunks,
          ", of 1 % one by one"),
      .columns = {"mean", "pages", "chunks a page", "first", "1 chunk", "1 run",
                  "1 % in runs", "1 % one by one", "levels", "walk pages",
                  "walk KiB"}};
  for (const uint32_t mean : page_means) {
    PageSet pages;
    const PageCutRule rule = PageRuleOf(mean);
    ASSIGN_OR_RETURN(const PageGrowth first,
                     pages.Add(rule, archive.entries()));
    ASSIGN_OR_RETURN(const WalkCost walk, pages.MeasureWalk(first.root));
    std::vector<Cell> row = {
        Cell::Count(mean), Cell::Count(first.tree_pages),
        Cell::Number(static_cast<double>(chunks) / first.tree_pages, 0),
        Cell::Number(DiskKib(first), 0)};
    for (const std::vector<ChunkEntry>& changed : changes) {
      ASSIGN_OR_RETURN(const PageGrowth growth, pages.Add(rule, changed));
      row.push_back(Cell::Number(DiskKib(growth), 0));
    }
    row.push_back(Cell::Count(first.root.level + 1));
    row.push_back(Cell::Number(walk.pages, 2));
    row.push_back(Cell::Number(walk.bytes / kKiB, 1));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace cairn::study
