#include "tests/benchmark/chunk_study/scale_study.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/pack/pack_format.h"
#include "common/page/page.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/chunk_study/mark.h"
#include "tests/benchmark/chunk_study/page_cost.h"
#include "tests/benchmark/chunk_study/pair_study.h"
#include "tests/benchmark/chunk_study/place_cost.h"
#include "tests/benchmark/stages/cpu_time.h"

namespace cairn::study {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;
constexpr double kTenTib = 10.0 * kGiB * 1024;
// In memory, a record: RocksDB's filter and a touch.
constexpr double kFilterBytes = 1.25;
constexpr double kTouchBytes = 4;

// Of one archive that does not fit the caches, a chunk.
struct Mark {
  double page_bytes = 0;
  double pages = 0;
  double table_bytes = 0;
  absl::Duration build_cpu;
  absl::Duration walk_cpu;
};

absl::StatusOr<Mark> MeasureMark(uint32_t page_mean, uint64_t references) {
  std::mt19937_64 random(1);
  std::vector<ChunkEntry> entries(references);
  for (ChunkEntry& entry : entries) {
    entry.length = (32 << 10) + random() % (64 << 10);
    for (uint8_t& byte : entry.digest.bytes) {
      byte = static_cast<uint8_t>(random());
    }
  }
  PageSet pages;
  ASSIGN_OR_RETURN(const PageGrowth growth,
                   pages.Add(PageRuleOf(page_mean), entries));
  const auto count = static_cast<double>(references);
  Mark mark = {.page_bytes = pages.bytes() / count,
               .pages = pages.pages() / count};
  MarkTable table(references);
  mark.build_cpu = CpuTimeOf([&] {
    // Places come by key, which is another order than that of archives.
    for (uint64_t i = 0; i < references; ++i) {
      table.Put(entries[i].digest,
                static_cast<uint32_t>(i * 0x9e3779b1 % references));
    }
  });
  ASSIGN_OR_RETURN(const MarkCost cost, MarkTrees({growth.root}, pages, table));
  mark.walk_cpu = cost.cpu / references;
  mark.build_cpu /= references;
  mark.table_bytes = table.table_bytes() / count;
  return mark;
}

}  // namespace

absl::StatusOr<std::vector<Table>> StudyScale(
    const std::vector<uint32_t>& chunk_sizes, uint32_t page_mean,
    uint64_t references) {
  Table places = {.name = "places",
                  .title = "Places of a million chunks in RocksDB",
                  .columns = {"chunk", "row bytes", "bytes on disk",
                              "insert ns", "scan ns"}};
  Table scale = {
      .name = "ten_tib",
      .title =
          absl::StrCat("10 TiB of different chunks, pages of mean ", page_mean,
                       ", mark measured over ", references, " references"),
      .columns = {"chunk", "chunks M", "places GiB", "pages GiB, once",
                  "headers and footers GiB", "all on disk GiB", "% of 10 TiB",
                  "filter MiB", "touches MiB", "mark bits MiB",
                  "mark table GiB", "scan of places s", "build of table s",
                  "walk of pages s"}};
  ASSIGN_OR_RETURN(const Mark mark, MeasureMark(page_mean, references));
  for (const uint32_t size : chunk_sizes) {
    const PlaceCost cost = MeasurePlaces(size);
    places.rows.push_back(
        {SizeName(size), Cell::Number(cost.row_bytes, 1),
         Cell::Number(cost.disk_bytes, 1),
         Cell::Number(absl::ToDoubleNanoseconds(cost.insert_cpu), 0),
         Cell::Number(absl::ToDoubleNanoseconds(cost.scan_cpu), 0)});
    const double chunks = kTenTib / size;
    // A page is stored by index and in a metadata pack.
    const double page_bytes = mark.page_bytes * chunks;
    const double record_bytes =
        (kRecordHeaderBytes + kRecordAlignment / 2 + kPackEntryBytes) *
        (chunks + mark.pages * chunks);
    const double place_bytes = cost.disk_bytes * (chunks + mark.pages * chunks);
    const double disk = place_bytes + 2 * page_bytes + record_bytes;
    const auto seconds = [chunks](absl::Duration each) {
      return Cell::Number(absl::ToDoubleSeconds(each) * chunks, 0);
    };
    scale.rows.push_back({SizeName(size), Cell::Number(chunks / 1e6, 1),
                          Cell::Number(place_bytes / kGiB, 1),
                          Cell::Number(page_bytes / kGiB, 2),
                          Cell::Number(record_bytes / kGiB, 1),
                          Cell::Number(disk / kGiB, 1),
                          Cell::Number(100 * disk / kTenTib, 3),
                          Cell::Number(kFilterBytes * chunks / kMiB, 0),
                          Cell::Number(kTouchBytes * chunks / kMiB, 0),
                          Cell::Number(chunks / 8 / kMiB, 1),
                          Cell::Number(mark.table_bytes * chunks / kGiB, 2),
                          seconds(cost.scan_cpu), seconds(mark.build_cpu),
                          seconds(mark.walk_cpu)});
  }
  return std::vector<Table>{places, scale};
}

}  // namespace cairn::study
